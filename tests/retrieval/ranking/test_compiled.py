"""Machine code is kept between processes and copies of the project, and never trusted blindly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numba.core import config
from numpy.typing import NDArray

from crosshash.retrieval.ranking import compiled as room

SOURCE = Path(__file__).resolve().parents[3] / "src"
# Prints the sums of precisions before groups of 1 and 2 items, and how often kept machine code was taken.
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


def test_other_processes_and_copies_compile_nothing_and_changed_code_is_compiled(tmp_path: Path) -> None:
    """What changes is a file beside that of the function: numba by itself would not look at it."""
    kept, copy = tmp_path / "kept", tmp_path / "copy"
    assert run(kept) == f"{EXPECTED} 0"
    shutil.copytree(SOURCE / "crosshash", copy / "crosshash")
    assert run(kept, copy) == f"{EXPECTED} 1"
    with (copy / "crosshash" / "retrieval" / "ranking" / "histogram.py").open("a") as file:
        file.write("\n# changed\n")
    assert run(kept, copy) == f"{EXPECTED} 0"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where functions that are compiled now are kept."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "kept"))
    room._folder.cache_clear()
    yield tmp_path / "kept"
    room._folder.cache_clear()


def tripled() -> tuple[int, int]:
    """Compile a function anew, as another process would; gives 3 x 5 by it, and how often it was kept."""

    def triple(number: int) -> int:
        return 3 * number

    function = room.compiled(triple)
    return function(5), sum(function.stats.cache_hits.values())  # type: ignore[attr-defined]


def files(kept: Path, ending: str) -> list[Path]:
    found = sorted(kept.rglob(f"*.{ending}"))
    assert found
    return found


def test_a_function_is_kept(folder: Path) -> None:
    assert [tripled(), tripled()] == [(15, 0), (15, 1)]


@pytest.mark.parametrize("place", [0.5, 0.99])
def test_damaged_machine_code_is_compiled_anew(folder: Path, place: float) -> None:
    """Machine code with a flipped bit would give whatever it gives."""
    tripled()
    for path in files(folder, "nbc"):
        data = bytearray(path.read_bytes())
        data[int(place * len(data))] ^= 1
        path.write_bytes(data)
    assert [tripled(), tripled()] == [(15, 0), (15, 1)]


@pytest.mark.parametrize("place", [0.3, 0.7])
def test_a_damaged_index_changes_no_answer(folder: Path, place: float) -> None:
    tripled()
    for path in files(folder, "nbi"):
        data = bytearray(path.read_bytes())
        data[int(place * len(data))] ^= 1
        path.write_bytes(data)
    assert tripled()[0] == 15
    assert tripled() == (15, 1)


@pytest.mark.parametrize("ending", ["nbc", "nbi"])
def test_cut_files_are_compiled_anew(folder: Path, ending: str) -> None:
    tripled()
    for path in files(folder, ending):
        path.write_bytes(path.read_bytes()[:-40])
    assert [tripled(), tripled()] == [(15, 0), (15, 1)]


def test_where_nothing_can_be_kept_it_works_all_the_same(folder: Path) -> None:
    folder.write_text("")
    assert [tripled(), tripled()] == [(15, 0), (15, 0)]


def test_where_an_index_cannot_be_written_it_works_all_the_same(folder: Path) -> None:
    tripled()
    for path in files(folder, "nbi"):
        path.unlink()
        path.mkdir()
    assert tripled() == (15, 0)


@pytest.mark.parametrize(("mode", "kept"), [(0o777, 0), (0o720, 0), (0o702, 0), (0o755, 1), (0o711, 1)])
def test_a_folder_that_others_can_write_to_is_left_alone(folder: Path, mode: int, kept: int) -> None:
    tripled()
    for version in (folder / "crosshash" / "compiled").iterdir():
        version.chmod(mode)
    assert tripled() == (15, kept)


def test_where_all_may_write_anywhere_the_folder_is_ones_own(folder: Path) -> None:
    before = os.umask(0)
    try:
        assert [tripled(), tripled()] == [(15, 0), (15, 1)]
    finally:
        os.umask(before)
    (version,) = (folder / "crosshash" / "compiled").iterdir()
    assert version.stat().st_mode & 0o777 == 0o700


def test_machine_code_of_another_signature_is_not_taken(folder: Path) -> None:
    """The files of whole and of real numbers change places: each entry knows what it is of."""

    def both() -> tuple[int, float]:
        def half_more(number: float) -> float:
            return number + number // 2

        function = room.compiled(half_more)
        return function(5), function(0.5)

    assert both() == (7, 0.5)
    one, other = files(folder, "nbc")
    content = one.read_bytes(), other.read_bytes()
    one.write_bytes(content[1])
    other.write_bytes(content[0])
    found = both()
    assert (found, type(found[0])) == ((7, 0.5), int)


def test_other_threads_go_on_while_a_function_runs(folder: Path) -> None:
    """It ends early only if another thread, which waits for its first turn, tells it to."""

    def turn(shared_2: NDArray[np.int64], mask: int, most: int) -> int:
        turns = 0
        while turns < most and not shared_2[0]:
            shared_2[1 - (turns & mask)] += 1
            turns += 1
        return turns

    shared, most = np.zeros(2, np.int64), 1 << 33
    function = room.compiled(turn)
    function(np.ones(2, np.int64), 0, most)  # compiles it

    def tell() -> None:
        while not shared[1]:
            pass
        shared[0] = 1

    teller = threading.Thread(target=tell)
    teller.start()
    assert function(shared, 0, most) < most
    teller.join()


def test_linear_algebra_that_is_there_may_be_asked_for_again() -> None:
    room.load_linear_algebra()
    assert "scipy.linalg" in sys.modules


def test_versions_of_long_ago_go(folder: Path) -> None:
    compiled = folder / "crosshash" / "compiled"
    for number in range(20):
        (compiled / str(number)).mkdir(parents=True)
        os.utime(compiled / str(number), (number, number))
    (compiled / "notes").touch()  # no folder: that is not removed, and stops nothing
    os.utime(compiled / "notes", (3, 3))
    tripled()
    left = {path.name for path in compiled.iterdir()} - {"notes"}
    assert {str(number) for number in range(5, 20)} < left
    assert len(left) == 16


LITTLE = """
import resource
import numba, numpy
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + int({room}), -1))
import crosshash.retrieval.ranking.compiled
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much is taken")
@pytest.mark.parametrize("megabytes", [45, 55])
def test_without_room_for_linear_algebra_nothing_waits_for_it(megabytes: int) -> None:
    """OpenBLAS tries for ever with 40 to 60 MB left, in scipy 1.17.1."""
    script = LITTLE.format(room=megabytes << 20)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1] == "OSError: [Errno 12] Cannot allocate memory"
