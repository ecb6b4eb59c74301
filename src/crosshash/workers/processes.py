"""An ordered map over worker processes, which end with this one, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, TypeVar, cast

from crosshash.errors import CrosshashError
from crosshash.workers.parent import end_with_parent

LOOKAHEAD = 8
"""Results per worker that may wait for an earlier one."""

END = object()
CODE = "import sys; sys.path[:] = {}; from crosshash.workers.processes import serve; serve({}, {})"

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Worker:
    """A process that waits for work at the other end of a connection, one piece at a time."""

    process: subprocess.Popen[bytes]
    connection: Connection


@contextmanager
def workers(count: int) -> Iterator[list[Worker]]:
    """Start worker processes; at the end, an error and Ctrl-C included, they are killed, at work or not.

    They are started afresh, not forked from a process that may have threads, and import nothing but what
    their work needs (multiprocessing's own would import the script that this process runs). On Windows, where
    a new process inherits no connection, there are none: this one does the work.
    """
    crew: list[Worker] = []
    if not hasattr(signal, "pthread_sigmask"):
        yield crew
        return
    try:
        with _ctrl_c_waits():
            for _ in range(count):
                crew.append(_start())  # noqa: PERF401 - what runs must be known if a later one cannot start
        yield crew
    finally:
        for worker in crew:
            worker.process.kill()
        for worker in crew:
            worker.process.wait()
            worker.connection.close()


def in_processes(
    crew: Sequence[Worker], function: Callable[[A], B], values: Iterable[A]
) -> Generator[B, None, None]:
    """Map by worker processes, in order, taking values as results are taken; in this process without a crew.

    The function is one of a module, or a `partial` of one. After an error, which comes at once, or if not all
    results are taken, the crew cannot be used again.

    Raises:
        CrosshashError: a worker was ended from outside, as for want of memory.
    """
    if not crew:
        yield from map(function, values)
        return
    numbered = enumerate(values)
    idle = list(crew)
    at_work: dict[Connection, tuple[int, Worker]] = {}
    results: dict[int, B] = {}
    given = taken = 0
    while True:
        while idle and given - taken < LOOKAHEAD * len(crew) and (entry := next(numbered, END)) is not END:
            given, value = cast(tuple[int, A], entry)
            worker = idle.pop()
            at_work[worker.connection] = (given, worker)
            send(worker, (function, value))
        if not at_work:
            return
        for connection in cast(list[Connection], wait(list(at_work))):
            number, worker = at_work.pop(connection)
            results[number] = receive(worker)
            idle.append(worker)
        while taken in results:
            yield results.pop(taken)
            taken += 1


def serve(descriptor: int, parent: int) -> None:
    """Do the work of one worker, until the process that started it closes the connection or dies."""
    end_with_parent()
    if os.getppid() != parent:  # it died before Linux was asked
        return
    connection = Connection(descriptor)
    while True:
        try:
            function, value = connection.recv()
        except EOFError:
            return
        try:
            answer = (True, function(value))
        except Exception as error:  # whatever it is, it is raised again by the process that gave the work
            error.add_note("".join(traceback.format_tb(error.__traceback__)))
            answer = (False, error)
        connection.send(answer)


def _start() -> Worker:
    ours, theirs = Pipe()
    with theirs:
        code = CODE.format(sys.path, theirs.fileno(), os.getpid())
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
        )
    return Worker(process, ours)


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Hold Ctrl-C back while workers are started: they inherit that and leave it to this process for good."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def replacement(crew: list[Worker], worker: Worker) -> Worker:
    """Start a process in the place of one that has ended."""
    with _ctrl_c_waits():
        new = _start()
        crew[crew.index(worker)] = new
    worker.connection.close()
    return new


def send(worker: Worker, work: tuple[Callable[[A], B], A]) -> None:
    """Give a worker that waits a function and its value.

    Raises:
        CrosshashError: it was ended from outside.
    """
    try:
        worker.connection.send(work)
    except ConnectionError:
        raise _ended(worker) from None


def receive(worker: Worker) -> Any:  # noqa: ANN401 - what the function gives
    """Wait for what a worker's function gives; its error is raised.

    Raises:
        CrosshashError: the worker was ended from outside.
    """
    try:
        fine, result = worker.connection.recv()
    except (EOFError, ConnectionError):
        raise _ended(worker) from None
    if not fine:
        raise result
    return result


def _ended(worker: Worker) -> CrosshashError:
    status = worker.process.wait()
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return CrosshashError(
        f"a worker process ended with {how} before its work was done. If memory ran out (signal 9), "
        "use fewer of them: CROSSHASH_THREADS=1 CROSSHASH_WORKERS=1."
    )
