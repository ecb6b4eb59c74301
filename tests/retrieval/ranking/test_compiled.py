"""Machine code is kept between processes and copies of the project, and never trusted blindly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "src"
# Prints the precision sums before groups of 1 and 2 items, and how often kept machine code was taken.
SCRIPT = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from crosshash.retrieval.ranking.tie_groups import precisions_before
sums = np.array([0.0, 1.0, 1.5, 11 / 6])
found = precisions_before(sums, np.array([[1.0, 2.0]]), np.array([[1.0, 1.0]]))
print(found.tolist(), sum(precisions_before.stats.cache_hits.values()))
"""
EXPECTED = "[[0.0, 1.0, 1.8333333333333333]]"


def run(kept: Path, source: Path = SOURCE) -> str:
    """Run the script in a process of its own.

    Hand-worked: the item of the first group is relevant, precision 1. Of the second group's two one is, at
    rank 2 or 3 with equal chance: (2 / 2 + 2 / 3) / 2 = 5 / 6, so the sums are 0, 1 and 1 + 5 / 6.
    """
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(source)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(kept), "PYTHONPATH": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    assert run(folder) == f"{EXPECTED} 0"
    return folder


def files(kept: Path, ending: str) -> list[Path]:
    return sorted(kept.rglob(f"tie_groups.precisions_before-*{ending}"))


def test_a_second_process_compiles_nothing(kept: Path) -> None:
    assert run(kept) == f"{EXPECTED} 1"


def test_a_copy_of_the_code_finds_it_and_changed_code_does_not(kept: Path, tmp_path: Path) -> None:
    """What changes is a file beside that of the function: numba by itself would not look at it."""
    shutil.copytree(SOURCE / "crosshash", tmp_path / "crosshash")
    assert run(kept, tmp_path) == f"{EXPECTED} 1"
    with (tmp_path / "crosshash" / "retrieval" / "ranking" / "histogram.py").open("a") as file:
        file.write("\n# changed\n")
    assert run(kept, tmp_path) == f"{EXPECTED} 0"


@pytest.mark.parametrize("ending", ["nbc", "nbi"])
def test_damaged_files_are_compiled_anew(kept: Path, tmp_path: Path, ending: str) -> None:
    """Machine code with a flipped bit would give whatever it gives."""
    folder = tmp_path / "kept"
    shutil.copytree(kept, folder)
    for path in files(folder, ending):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert run(folder).startswith(EXPECTED)
    assert run(folder) == f"{EXPECTED} 1"


@pytest.mark.parametrize("ending", ["nbc", "nbi"])
def test_cut_files_are_compiled_anew(kept: Path, tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "kept"
    shutil.copytree(kept, folder)
    for path in files(folder, ending):
        path.write_bytes(path.read_bytes()[:-40])
    assert run(folder) == f"{EXPECTED} 0"
    assert run(folder) == f"{EXPECTED} 1"


def test_where_nothing_can_be_kept_it_works_all_the_same(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    assert run(nowhere) == f"{EXPECTED} 0"


def test_a_folder_that_others_can_write_to_is_left_alone(kept: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    shutil.copytree(kept, folder)
    for version in (folder / "crosshash" / "compiled").iterdir():
        version.chmod(0o777)
    assert run(folder) == f"{EXPECTED} 0"


def test_versions_of_long_ago_go(kept: Path, tmp_path: Path) -> None:
    compiled = tmp_path / "crosshash" / "compiled"
    for number in range(20):
        (compiled / str(number)).mkdir(parents=True)
        os.utime(compiled / str(number), (number, number))
    run(tmp_path)
    left = {path.name for path in compiled.iterdir()}
    assert {str(number) for number in range(5, 20)} < left
    assert len(left) == 16
