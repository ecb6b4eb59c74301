"""From params.yaml to scores by the stages' functions, as users' settings would have it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from crosshash.artifacts import read_json
from stages import centers, convert, download, embed, encode, evaluate, infer, plan, train, transform
from tests.projects import ROOT, override

SMALL = (
    "bits=8",
    "twdh.train_bits=16",
    "train.epochs=1",
    "train.batch=16",
    "model.hidden=16",
    "evaluate.bootstrap=10",
    "device=cpu",
    "threads=1",
)


OWN = ("custom", "features", "mat_triple", "webdataset", "parquet", "embeddings", "karpathy")
"""Data sets that read a folder of the user's."""


def prepare(root: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, *settings: str) -> Path:
    """Settings as in params.yaml but for these; run plan, download and convert in `root`, raw files beside.

    Returns the folder of the converted data set.
    """
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "params.yaml", root)
    unused = [f"{name}.path={root}" for name in OWN]
    override(root, f"dataset={dataset}", *unused, *SMALL, *settings)
    monkeypatch.chdir(root)
    monkeypatch.setenv("CROSSHASH_RAW", str(root / "raw"))
    monkeypatch.setenv("CROSSHASH_STATE", str(root / "state"))
    for stage in (plan, download, convert):
        stage.main()
    return root / "data" / dataset


def train_and_score(monkeypatch: pytest.MonkeyPatch, dataset: str) -> dict[str, Any]:
    """Run the stages from centres to scores where `prepare` did; give what metrics.json says."""
    shutil.copytree(ROOT / "configs", "configs", dirs_exist_ok=True)
    monkeypatch.setattr(sys, "argv", ["", dataset])
    for unnamed in (centers, transform):
        unnamed.main()
    for named in (embed, train, infer, encode):
        named.main(dataset)
    evaluate.main()
    scores: dict[str, Any] = read_json(Path("metrics.json"))
    return scores
