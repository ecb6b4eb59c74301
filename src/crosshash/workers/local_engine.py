"""Units by processes of this machine; one that is killed is replaced, and its unit given again."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import cast

from crosshash.errors import CrosshashError
from crosshash.workers.cores import cores
from crosshash.workers.dealing import Dealing
from crosshash.workers.processes import Worker, receive, replacement, send
from crosshash.workers.units import Unit, UnitWorker, Work

log = logging.getLogger(__name__)
HELD: list[UnitWorker] = []
"""In a worker process, what it works with."""


def run_local(
    work: Work, folder: Path, dealing: Dealing, crew: list[Worker], on_done: Callable[[Unit], None]
) -> None:
    """Have a crew of processes do units until none is left."""
    start = partial(hold, work, folder, max(1, cores() // len(crew)))
    busy: dict[Connection, tuple[Worker, Unit]] = {}
    idle = list(crew)
    for worker in crew:
        _hold(worker, start)
    while True:
        names = [_name(worker) for worker in crew]
        for worker in list(idle):
            if (unit := dealing.take(_name(worker), names)) is not None:
                idle.remove(worker)
                busy[worker.connection] = (worker, unit)
                send(worker, (do_held, unit))
        if not busy:
            return
        for connection in cast(list[Connection], wait(list(busy))):
            worker, unit = busy.pop(connection)
            try:
                reason = receive(worker)
            except CrosshashError as error:  # it was killed
                log.warning("warning: %s: %s; another worker starts", unit.name, error)
                dealing.lost(unit, str(error))
                worker = replacement(crew, worker)
                _hold(worker, start)
            else:
                _note(dealing, worker, unit, reason, names)
                if reason is None:
                    on_done(unit)
            idle.append(worker)


def hold(work: Work, folder: Path, threads: int, _: None) -> None:
    """Keep the work for the units that follow, in a worker process."""
    os.environ["CROSSHASH_THREADS"] = str(threads)
    HELD[:] = [UnitWorker(work, folder)]


def do_held(unit: Unit) -> str | None:
    """Do a unit in a worker process; gives the reason if it failed."""
    return HELD[0].do(unit)


def _hold(worker: Worker, start: Callable[[None], None]) -> None:
    send(worker, (start, None))
    receive(worker)


def _note(dealing: Dealing, worker: Worker, unit: Unit, reason: str | None, names: list[str]) -> None:
    if reason is None:
        dealing.done(_name(worker))
    elif dealing.failed(_name(worker), unit, reason, names):
        log.warning("warning: %s failed and is tried again: %s", unit.name, reason)


def _name(worker: Worker) -> str:
    return str(worker.process.pid)
