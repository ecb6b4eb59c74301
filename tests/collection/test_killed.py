"""Real kills, at each step of a write and in the middle of the networks' work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from crosshash.collection.collection import add_folder
from crosshash.index.code_index import CodeIndex
from tests.conftest import ROOT
from tests.datasets.folders import picture
from tests.forked import forked_python
from tests.search.conftest import own_copy


@dataclass(frozen=True)
class Tried:
    """What came of all kills, and where."""

    told: dict[str, dict[str, int]]
    project: Path
    folder: Path


@pytest.fixture(scope="module")
def tried(trained_project: Path, of_vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """All of them in one process, since it takes seconds to start."""
    place = tmp_path_factory.mktemp("killed")
    project, folder = own_copy(trained_project, place / "project"), place / "new"
    folder.mkdir()
    for number in range(7):
        picture(number, (40, 30)).save(folder / f"{number}.png")
    other = shutil.copytree(of_vectors, place / "vectors")
    done = subprocess.run(
        [forked_python(), "-m", "tests.collection.killed", project, folder, other],
        cwd=ROOT,
        env={**os.environ, "CROSSHASH_STATE": str(place / "state")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return Tried(json.loads(done.stdout.splitlines()[-1]), project, folder)


@pytest.mark.parametrize("work", ["append", "whole", "again"])
def test_a_change_killed_at_any_step_is_there_or_not_and_the_next_call_heals(tried: Tried, work: str) -> None:
    """A segment that takes in another, all written anew, all encoded anew: each with steps on both sides."""
    assert min(tried.told[work].values()) >= 2, tried.told


def test_a_run_killed_while_networks_work_encodes_no_block_twice(tried: Tried, tmp_path: Path) -> None:
    """Seven items are four blocks of two: killed in the third, two are left, and the codes are the same."""
    assert tried.told["blocks"] == {"killed": 3, "second": 2}
    add_folder(tried.project, tried.folder, tmp_path / "whole")
    for name in ("image.faiss", "text.faiss"):
        files = [place / "index" / name for place in (tried.project / "mine", tmp_path / "whole")]
        assert files[0].read_bytes() == files[1].read_bytes()
        assert np.array_equal(*(CodeIndex.load(path).packed for path in files))
