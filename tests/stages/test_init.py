from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

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


@pytest.mark.parametrize(
    ("arguments", "found"),
    [([], "and there is none"), (["scenes", "--shard", "0", "--of", "3"], "not 'scenes --shard 0 --of 3'")],
)
def test_a_stage_whose_work_is_not_shared_out_takes_the_data_set_alone(
    arguments: list[str], found: str
) -> None:
    """A job array that trained by shares would train the whole model once for each."""
    command = [sys.executable, "-m", "stages.train", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: the name of a data set is the one argument of this stage, {found}: python -m stages.train "
        "scenes. --shard I --of N are for convert, embed and infer.\n"
    )


STAGE = "import sys; sys.argv[0] = '-m'; import stages; "
"""What a process is that `python -m stages.<name>` has started, while the stage is still being loaded."""
DVC = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', sys.argv[1]]).wait())"


def test_ctrl_c_while_libraries_are_loaded_ends_it_without_a_traceback() -> None:
    """Also where Python would lose it: in what is called when an object goes."""
    going = "class Lock:\n def __del__(self): signal.raise_signal(signal.SIGINT)\nLock(); print('goes on')"
    command = [sys.executable, "-c", f"{STAGE}import signal\n{going}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_ctrl_c_at_work_is_told() -> None:
    work = "import signal\nstages.run(lambda: signal.raise_signal(2))"
    command = [sys.executable, "-c", f"{STAGE}{work}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "stopped by Ctrl-C; nothing half-written was left\n")


LAST_WORDS = """
import atexit, threading, time
class Built:
    def __del__(self):
        print('taken apart')
built = Built()
atexit.register(print, 'last words')
threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()
stages.run({})
"""


@pytest.mark.parametrize(
    ("main", "status", "end"),
    [("lambda: print('done')", 0, ""), ("lambda: 1 / 0", 1, "taken apart\n")],
    ids=["well", "by an error"],
)
def test_a_stage_waits_for_threads_and_last_words_and_takes_nothing_apart_if_all_went_well(
    main: str, status: int, end: str
) -> None:
    command = [sys.executable, "-c", f"{STAGE}{LAST_WORDS.format(main)}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    begin = "" if status else "done\n"
    assert (done.returncode, done.stdout) == (status, f"{begin}thread\nlast words\n{end}")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk as Linux has it")
@pytest.mark.parametrize(
    ("streams", "status", "said"),
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        (">/dev/full", 120, "No space left on device"),
        ("| true", 120, "Broken pipe"),
    ],
    ids=["no output", "no errors", "full disk", "closed pipe"],
)
def test_output_that_cannot_be_written_is_told_and_none_is_no_fault(
    streams: str, status: int, said: str
) -> None:
    work = "import time\nstages.run(lambda: print('done', file=sys.stdout) or time.sleep(0.3))"
    command = f'set -o pipefail; "$0" -c "$1" {streams}'
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, f"{STAGE}{work}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_defect_keeps_its_traceback() -> None:
    command = [sys.executable, "-c", f"{STAGE}raise ValueError('odd')"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ValueError: odd\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_stage_that_is_still_loading_ends_with_the_dvc_that_started_it() -> None:
    stage = f"{STAGE}import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", DVC, stage], cwd=ROOT, stdout=subprocess.PIPE) as dvc:
        assert dvc.stdout is not None
        process = psutil.Process(int(dvc.stdout.readline()))
        dvc.kill()
        psutil.wait_procs([process], timeout=30)
        left = process.is_running()
        if left:
            process.kill()
    assert not left


def test_a_shortage_is_one_line_with_the_remedy_and_waits_for_no_thread() -> None:
    """An array of 8 PiB, which no system gives."""
    thread = "import threading; threading.Thread(target=threading.Event().wait).start()"
    command = [sys.executable, "-c", f"{STAGE}{thread}; import numpy; numpy.zeros(2**50)"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is not enough memory (Unable to allocate 8.00 PiB")
    assert done.stderr.count("\n") == 1
