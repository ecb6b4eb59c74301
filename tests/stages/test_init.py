from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THREADS = """
import stages, numpy, json
from threadpoolctl import threadpool_info
print(json.dumps([one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]))
"""


def blas_threads(**variables: str) -> list[int]:
    """How many threads numpy's linear algebra has in a stage."""
    inherited = {key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", THREADS], cwd=ROOT, env=inherited | variables, capture_output=True, check=True
    )
    return list(json.loads(done.stdout))


def test_numpy_adds_up_on_one_thread_unless_told_otherwise() -> None:
    assert blas_threads() == [1]
    assert blas_threads(OPENBLAS_NUM_THREADS="2") == [2]


def test_ctrl_c_while_libraries_are_loaded_is_one_line() -> None:
    """Python then ends by the signal itself; an error stays one with its traceback."""
    said = []
    for cause in ("KeyboardInterrupt", "ValueError('odd')"):
        command = [sys.executable, "-c", f"import stages; raise {cause}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode != 0
        said.append(done.stderr)
    assert said[0] == "stopped by Ctrl-C before it began\n"
    assert said[1].startswith("Traceback")
    assert said[1].endswith("ValueError: odd\n")
