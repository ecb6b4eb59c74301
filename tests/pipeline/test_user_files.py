"""Files outside the project that settings name: another content under the same name counts."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.pipeline.test_repro import ran
from tests.projects import ROOT, copy_project, override, run

pytestmark = pytest.mark.xdist_group("pipeline")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that reads a split from a file of the user's."""
    project = copy_project(tmp_path / "project")
    write_split(tmp_path / "split.json", 0)
    override(project, "dataset=features", f"split.file={tmp_path / 'split.json'}", "split.missing_class=warn")
    return project


def write_split(path: Path, first: int) -> None:
    with (ROOT / "examples/features/pairs.csv").open(encoding="utf-8") as file:
        usable = dict.fromkeys(
            row["image"] for row in csv.DictReader(file) if row["caption"] and row["labels"]
        )
    ids = list(usable)
    path.write_text(json.dumps({"query": ids[first : first + 4], "train": ids[first + 4 :]}))


def test_another_split_of_the_same_name_converts_anew(project: Path, tmp_path: Path) -> None:
    first = run(project, ["dvc", "repro", "convert"], tmp_path)
    assert ran(first.stdout) == ["plan", "download", "convert"], first.stdout
    assert ran(run(project, ["dvc", "repro", "convert"], tmp_path).stdout) == ["plan"]
    write_split(tmp_path / "split.json", 2)
    again = run(project, ["dvc", "repro", "convert"], tmp_path)
    assert ran(again.stdout) == ["plan", "convert"], again.stdout
    chosen = json.loads((project / "data/features/split.json").read_text())
    assert chosen["query"] == json.loads((tmp_path / "split.json").read_text())["query"]
