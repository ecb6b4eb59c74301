"""Units by processes of this machine; one that is killed is replaced, and its unit given again."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, cast

from crosshash.errors import CrosshashError
from crosshash.workers.cores import cores
from crosshash.workers.dealing import Dealing
from crosshash.workers.processes import Worker, receive, replacement, send
from crosshash.workers.units import Unit, UnitWorker, Work

log = logging.getLogger(__name__)
HELD: list[UnitWorker] = []
"""In a worker process, what it works with."""
STARTS = 3
"""Processes that may end while they start, one after the other."""
Busy = dict[Connection, tuple[Worker, Unit | None]]
"""Workers at work on a unit; on none: that load what they work with."""


def run_local(
    work: Work, folder: Path, dealing: Dealing, crew: list[Worker], on_done: Callable[[Unit], None]
) -> None:
    """Have a crew of processes do units until none is left.

    Raises:
        CrosshashError: STARTS processes ended, one after the other, before they had any unit.
    """
    start = partial(hold, work, folder, max(1, cores() // len(crew)))
    busy: Busy = {}
    idle: list[Worker] = []
    lost_starts = 0
    for worker in crew:
        _give(busy, worker, None, (start, None))
    while busy:
        for connection in cast(list[Connection], wait(list(busy))):
            worker, unit = busy.pop(connection)
            try:
                reason = receive(worker)
            except CrosshashError as error:  # it was killed
                lost_starts += unit is None
                if lost_starts >= STARTS:
                    raise
                log.warning("warning: %s: %s; another worker starts", unit.name if unit else "start", error)
                if unit is not None:
                    dealing.lost(unit, str(error))
                _give(busy, replacement(crew, worker), None, (start, None))
                continue
            idle.append(worker)
            if unit is None:
                lost_starts = 0
            elif _well(dealing, worker, unit, reason, crew):
                on_done(unit)
        _deal(dealing, busy, idle, crew)


def hold(work: Work, folder: Path, threads: int, _: None) -> None:
    """Keep the work for the units that follow, in a worker process."""
    os.environ["CROSSHASH_THREADS"] = str(threads)
    HELD[:] = [UnitWorker(work, folder)]


def do_held(unit: Unit) -> str | None:
    """Do a unit in a worker process; gives the reason if it failed."""
    return HELD[0].do(unit)


def _deal(dealing: Dealing, busy: Busy, idle: list[Worker], crew: list[Worker]) -> None:
    """Give units to workers that are idle, as far as there are any for them."""
    names = [_name(worker) for worker in crew]
    for worker in list(idle):
        if (unit := dealing.take(_name(worker), names)) is not None:
            idle.remove(worker)
            _give(busy, worker, unit, (do_held, unit))


def _give(busy: Busy, worker: Worker, unit: Unit | None, work: tuple[Callable[[Any], Any], Any]) -> None:
    busy[worker.connection] = (worker, unit)
    with suppress(CrosshashError):  # it was killed while it waited: its connection tells so once more
        send(worker, work)


def _well(dealing: Dealing, worker: Worker, unit: Unit, reason: str | None, crew: list[Worker]) -> bool:
    """Note how a worker came through with a unit; says whether it is done."""
    if reason is None:
        dealing.done(_name(worker))
    elif dealing.failed(_name(worker), unit, reason, [_name(one) for one in crew]):
        log.warning("warning: %s failed and is tried again: %s", unit.name, reason)
    return reason is None


def _name(worker: Worker) -> str:
    return str(worker.process.pid)
