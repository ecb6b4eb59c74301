"""Real kills, at each step of a write and in the middle of the networks' work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from crosshash.collection.collection import add_folder
from crosshash.index.code_index import CodeIndex
from tests.conftest import ROOT
from tests.datasets.folders import picture


def run(work: str, *places: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.collection.killed", work, *map(str, places)],
        cwd=ROOT,
        env={**os.environ, "CROSSHASH_STATE": str(places[0] / "state")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        picture(number, (40, 30)).save(folder / f"{number}.png")
    return folder


def test_a_change_killed_at_any_step_is_there_or_not_and_the_next_one_heals(
    project: Path, tmp_path: Path
) -> None:
    """A segment that takes in another, all written anew: each with steps on both sides."""
    counts = run("changes", project, pictures(tmp_path / "new", 1))
    for work in ("append", "whole"):
        assert min(counts[work].values()) >= 2, counts


def test_encoding_anew_killed_at_any_step_leaves_the_old_collection_or_the_new_one(changing: Path) -> None:
    assert min(run("again", changing)["again"].values()) >= 2


def test_a_run_killed_while_networks_work_encodes_no_block_twice(project: Path, tmp_path: Path) -> None:
    """Seven items are four blocks of two: killed in the third, two are left, and the codes are the same."""
    folder = pictures(tmp_path / "new", 7)
    assert run("blocks", project, folder) == {"killed": 3, "second": 2}
    add_folder(project, folder, tmp_path / "whole")
    for name in ("image.faiss", "text.faiss"):
        one, other = (
            CodeIndex.load(place / "index" / name) for place in (project / "mine", tmp_path / "whole")
        )
        assert np.array_equal(one.rows, other.rows)
        assert np.array_equal(one.packed, other.packed)
        assert (project / "mine/index" / name).read_bytes() == (tmp_path / "whole/index" / name).read_bytes()
