from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from operator import floordiv
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.workers.processes import LOOKAHEAD, Worker, in_processes, workers


@pytest.fixture(scope="module")
def crew() -> Iterator[list[Worker]]:
    with workers(3) as crew:
        yield crew


def after(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def pid(_: int) -> int:
    return os.getpid()


def loaded(_: int) -> list[str]:
    return sorted(sys.modules)


def end(how: int) -> None:
    os.kill(os.getpid(), how)


def runs(pid: int) -> bool:
    """Whether there is such a process that is not merely waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    for _ in range(200):
        if not any(map(runs, pids)):
            return
        time.sleep(0.02)
    pytest.fail("a worker outlived what started it by four seconds")


def test_results_come_in_order(crew: list[Worker]) -> None:
    values = [0.02 * (number % 3 == 0) + 0.001 * number for number in range(30)]
    assert list(in_processes(crew, after, values)) == values


def test_work_is_done_by_the_workers(crew: list[Worker]) -> None:
    assert list(in_processes(crew, partial(pow, 2), range(100))) == [2**n for n in range(100)]
    assert set(in_processes(crew, pid, range(100))) <= {worker.process.pid for worker in crew}
    assert list(in_processes(crew, pid, [])) == []


def test_without_a_crew_this_process_does_the_work() -> None:
    mine: list[int] = []
    assert list(in_processes([], mine.append, [1, 2])) == [None, None]
    assert mine == [1, 2]


def test_no_more_values_are_taken_than_results_may_wait(crew: list[Worker]) -> None:
    """The first piece of work takes long; the others' results wait for it, up to a number."""
    taken = 0

    def values() -> Iterator[float]:
        nonlocal taken
        while taken < 2000:
            taken += 1
            yield 0.5 if taken == 1 else 0

    results = in_processes(crew, after, values())
    assert next(results) == 0.5
    assert taken <= (LOOKAHEAD + 1) * len(crew)
    assert sum(1 for _ in results) == 1999


def test_an_error_is_raised_here_and_shows_where_it_arose() -> None:
    with workers(2) as crew:
        with pytest.raises(ZeroDivisionError) as error:
            list(in_processes(crew, partial(floordiv, 6), [3, 2, 0, 1]))
        assert "processes.py" in error.value.__notes__[0]


def test_the_operating_systems_errors_keep_their_number() -> None:
    with workers(1) as crew, pytest.raises(FileNotFoundError) as error:
        list(in_processes(crew, os.listdir, ["/there/is/none"]))
    assert error.value.strerror == "No such file or directory"


def test_a_worker_that_was_killed_is_told() -> None:
    with (
        workers(2) as crew,
        pytest.raises(CrosshashError, match=r"signal 9 .*CROSSHASH_THREADS=1"),
    ):
        list(in_processes(crew, end, [signal.SIGKILL]))


def test_workers_load_little(crew: list[Worker]) -> None:
    [names] = in_processes(crew, loaded, [0])
    assert not {"torch", "webdataset", "pandas", "pyarrow", "scipy", "rich", "yaml"} & set(names)


def test_workers_end_at_work_or_not_and_heed_no_ctrl_c() -> None:
    with workers(2) as crew:
        for worker in crew:
            worker.connection.send((after, 60))
            worker.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        pids = [worker.process.pid for worker in crew]
        assert all(map(runs, pids))
        start = time.monotonic()
    assert time.monotonic() - start < 30
    assert not any(map(runs, pids))


CROWDED = """
import resource
import psutil
from crosshash.workers.processes import workers
resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))
try:
    with workers(20):
        print("all were started")
except OSError as error:
    print(error.strerror, len(psutil.Process().children()))
"""


def test_if_one_cannot_be_started_the_others_end() -> None:
    """Of 20 workers, each with a connection, some are started before no more files may be open."""
    done = subprocess.run([sys.executable, "-c", CROWDED], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("Too many open files 0\n", "")


PARENT = """
import sys, time
from crosshash.workers.processes import workers
with workers(2) as crew:
    for worker in crew:
        worker.connection.send((time.sleep, 60))
    print(*(worker.process.pid for worker in crew), flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize("delay", [0, 0.5])
def test_workers_end_when_their_parent_is_killed(delay: float) -> None:
    """While they start (they see that it is gone) and while they work (Linux kills them)."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    time.sleep(delay)
    assert all(map(runs, pids))
    parent.kill()
    parent.communicate()
    wait_until_gone(pids)
