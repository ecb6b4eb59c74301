"""The download and convert stages, run in a folder of their own with a plan of one's choice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from crosshash.config.plans.convert import ConvertPlan
from crosshash.config.plans.download import DownloadPlan
from stages import convert, download

REPOSITORY = Path(__file__).parents[2]


def write_plans(root: Path, dataset: str, settings: dict[str, Any], **changes: object) -> None:
    """Write the two plans; `changes` are fields of the convert plan, else as in params.yaml."""
    usual: dict[str, Any] = {
        "split_file": None,
        "query": None,
        "train": None,
        "val": 0.05,
        "split_seed": 0,
        "missing_class": "error",
        "check": "full",
        "max_side": 512,
        "bad_images": "fail",
        "vocabulary": 2000,
        "shard_mb": 256.0,
    }
    plans = {
        "download": DownloadPlan(dataset=dataset, settings=settings),
        "convert": ConvertPlan(dataset=dataset, settings=settings, **{**usual, **changes}),
    }
    (root / "plan").mkdir(parents=True, exist_ok=True)
    for stage, plan in plans.items():
        (root / "plan" / f"{stage}.yaml").write_text(yaml.safe_dump(plan.model_dump()))


def run_both(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run download and convert in `root` with raw files in `root/raw`; give the folder of all data."""
    monkeypatch.setenv("CROSSHASH_RAW", str(root / "raw"))
    monkeypatch.setenv("CROSSHASH_STATE", str(root / "state"))
    monkeypatch.chdir(root)
    download.main()
    convert.main()
    return root / "data"


def start(root: Path, stage: str, before: str = "") -> subprocess.Popen[str]:
    """Start a stage as DVC does, by a shell; `before` is run by the shell first."""
    return subprocess.Popen(
        ["sh", "-c", f"{before} exec {sys.executable} -m stages.{stage}"],
        cwd=root,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "CROSSHASH_RAW": str(root / "raw"),
            "CROSSHASH_STATE": str(root / "state"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def files_of(folder: Path) -> dict[str, bytes]:
    """Names and contents of all files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
