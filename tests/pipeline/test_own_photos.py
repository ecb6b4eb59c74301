"""From a folder of pictures, some with a text beside them, to a search: what the README begins with."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import crosshash
from tests.conftest import ROOT, STAGES, run_stages
from tests.projects import environment

PICTURES, TEXTS = 26, 20


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example pictures, most with a text of the same name beside them, one of them broken."""
    folder = tmp_path_factory.mktemp("own") / "My Pictures"
    shutil.copytree(ROOT / "examples/custom/images", folder)
    with (ROOT / "examples/custom/pairs.csv").open(newline="", encoding="utf-8") as file:
        captions = {Path(row["image"]).stem: row["caption"] for row in csv.DictReader(file) if row["caption"]}
    for name in sorted(captions)[:TEXTS]:
        (folder / f"{name}.txt").write_text(f"{captions[name]}\n")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def project(photos: Path) -> Path:
    folder = photos.parent / "project"
    command = ["crosshash", "init", str(folder), "--images", str(photos)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(photos.parent))
    assert done.returncode == 0, done.stderr
    assert "method: cca" in done.stdout
    return folder


def test_the_graph_needs_nothing_of_the_repository(project: Path) -> None:
    done = subprocess.run(
        ["dvc", "repro", "plan"], cwd=project, env=environment(project), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    embed = yaml.safe_load((project / "plan/embed.yaml").read_text())
    assert (embed["image"], embed["text"]) == ("small/efficientnet-lite0", "small/minilm")


def test_a_text_finds_pictures_that_had_none(project: Path) -> None:
    done = run_stages(project, *STAGES, "report", dataset="custom")
    assert done.returncode == 0, done.stderr
    assert "broken.jpg" in done.stderr
    metrics = json.loads((project / "metrics.json").read_text())
    assert (metrics["method"], metrics["n_captionless"]) == ("cca", PICTURES - TEXTS)
    hits = crosshash.load(project).search("a red circle", top=PICTURES)
    assert any(not hit.caption for hit in hits)
