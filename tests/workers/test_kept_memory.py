from __future__ import annotations

import platform
import subprocess
import sys

import pytest

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
