"""What is forked is as a process of Python's own to who starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.forked import forked_python

TELLING = """
import os, sys
print(sys.argv, os.getcwd(), os.environ["WORD"], sys.stdin.read(), sys.path[0])
print("said", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""
BOTH = pytest.mark.parametrize("python", [sys.executable, forked_python()], ids=["real", "forked"])


@BOTH
def test_arguments_folder_environment_files_and_status(python: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [python, "-c", TELLING, "3"], cwd=tmp_path, env={**os.environ, "WORD": "given"},
        input="read", capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == f"['-c', '3'] {tmp_path} given read \n"
    assert (done.stderr, done.returncode) == ("said\n", 3)


@BOTH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_signals_end_it(python: str, number: signal.Signals) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        assert started.stdout is not None
        child = int(started.stdout.readline())
        started.send_signal(number)
        started.stdout.read()  # to the end of all that hold it
        assert started.wait() == -number
    while Path(f"/proc/{child}").exists():
        time.sleep(0.01)


@BOTH
def test_an_exception_is_printed_and_is_status_1(python: str) -> None:
    done = subprocess.run([python, "-c", "raise ValueError('why')"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ValueError: why\n")


@BOTH
def test_a_module_of_nowhere(python: str) -> None:
    done = subprocess.run([python, "-m", "stages.none"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "No module named stages.none" in done.stderr
