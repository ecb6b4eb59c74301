from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from crosshash.workers.kept_memory import M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, _set

SCRIPT = """
import resource, sys, threading
from crosshash.workers.kept_memory import keep_freed_memory

def used():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytes(1) * (100 << 20)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

if sys.argv[1] == "kept":
    keep_freed_memory()
faults = []
for _ in range(3):
    thread = threading.Thread(target=used)
    thread.start()
    thread.join()
print(*faults)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_a_block_that_a_thread_has_freed_is_there_for_the_next() -> None:
    """100 MB are 25,600 pages of 4 KB, or 50 of 2 MB where the system gives such."""
    found = {}
    for way in ("kept", "given back"):
        done = subprocess.run([sys.executable, "-c", SCRIPT, way], capture_output=True, text=True, check=True)
        found[way] = [int(one) for one in done.stdout.split()]
    assert found["given back"][2] >= 50
    assert found["kept"][0] >= 50
    assert found["kept"][2] < found["given back"][2] / 4


@pytest.mark.parametrize(("most", "kept"), [(32 << 20, 32 << 20), (1 << 30, 1 << 30), (0, None)])
def test_a_library_that_takes_less_keeps_what_it_takes(most: int, kept: int | None) -> None:
    """Up to 2.34, `mallopt` of glibc answers 0 to a threshold of more than 32 MB and leaves it at 128 KB.

    To set the other threshold alone would hold it there: each block above 128 KB would go back at once.
    """
    taken: dict[int, int] = {}

    def mallopt(which: int, value: int) -> int:
        if which == M_MMAP_THRESHOLD and value > most:
            return 0
        taken[which] = value
        return 1

    _set(mallopt)
    assert taken.get(M_MMAP_THRESHOLD) == kept
    assert (M_TRIM_THRESHOLD in taken) == (kept is not None)
