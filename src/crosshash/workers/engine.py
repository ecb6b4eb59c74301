"""Which engine does the units of a stage, and how many workers: told by the environment, never by a setting.

The files are the same for any engine and number of workers.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from crosshash.checksums import is_sealed
from crosshash.errors import CrosshashError, listed
from crosshash.workers.dealing import Dealing
from crosshash.workers.local_engine import run_local
from crosshash.workers.processes import workers
from crosshash.workers.progress import counted
from crosshash.workers.units import Advance, Make, Unit, UnitWorker, Work, begin

ENGINES = ("local", "ray")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Share:
    """Every `of`-th unit from the `index`-th on, counted from 0: what one task of an array does."""

    index: int = 0
    of: int = 1


def read_share(arguments: Sequence[str]) -> tuple[str, Share | None]:
    """Read a stage's arguments: the data set, and `--shard I --of N` if they are there.

    Raises:
        CrosshashError: there is no data set, or these are no numbers of a share.
    """
    if not arguments:
        raise CrosshashError("the name of a data set is missing: python -m stages.infer scenes, for example.")
    dataset, *rest = arguments
    if not rest:
        return dataset, None
    try:
        one, index, other, of = rest
        share = Share(int(index), int(of))
    except ValueError:
        share = None
    if share is None or (one, other) != ("--shard", "--of") or not 0 <= share.index < share.of:
        raise CrosshashError(f"'{' '.join(rest)}': give --shard I --of N, whole numbers, I from 0 to N - 1.")
    return dataset, share


def engine() -> str:
    """Give `CROSSHASH_ENGINE`: `local` or `ray`.

    Raises:
        CrosshashError: it is neither.
    """
    name = os.environ.get("CROSSHASH_ENGINE") or "local"
    if name not in ENGINES:
        raise CrosshashError(f"CROSSHASH_ENGINE is '{name}'; set it to local or ray, or unset it.")
    return name


def worker_count() -> int | None:
    """Give `CROSSHASH_WORKERS`, None where it is not set.

    Raises:
        CrosshashError: it is no whole number above 0.
    """
    text = os.environ.get("CROSSHASH_WORKERS", "")
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise CrosshashError(f"CROSSHASH_WORKERS is '{text}'; set it to a whole number above 0, or unset it.")
    return int(text)


def in_this_process() -> bool:
    """Say whether a stage does its units itself, where it would not by default share them out."""
    return engine() == "local" and (worker_count() or 1) < 2


def run_units(
    folder: Path,
    work: Work,
    units: Iterable[Unit],
    total: int,
    label: str,
    *,
    share: Share | None = None,
    make: Make | None = None,
    usual: int = 1,
    cuda: bool = False,
) -> list[str]:
    """Make the files of units that are not in the folder yet; gives the names of all units, in order.

    total: items of all units, for the bar.

    share: do these units alone. make: what `work` would load, where it is loaded in this process. usual:
    local workers where `CROSSHASH_WORKERS` is not set; 1 is this process itself. cuda: workers need a device.

    Raises:
        CrosshashError: units failed; all are listed, and what is done stays.
    """
    begin(folder)
    chosen, names = share or Share(), list[str]()
    with counted(total, label, "items") as advance:
        missing = _missing(folder, _asked(units, chosen, names), advance)
        first = next(missing, None)  # no worker starts for nothing
        dealing = Dealing(() if first is None else chain([first], missing))
        if first is not None:
            _distribute(UnitWorker(work, folder, make), dealing, usual, cuda, advance)
    if dealing.failures:
        told = [f"{name}: {reason}" for name, reason in sorted(dealing.failures.items())]
        raise CrosshashError(
            f"{label}: {len(told)} unit(s) of work failed; what is done stays, and the next run goes on from "
            f"there:\n{listed(told)}"
        )
    if share is not None:
        done = len(range(share.index, len(names), share.of))
        log.info("share %d of %d: all its %d unit(s) of %d are done", share.index, share.of, done, len(names))
    return names


def _distribute(worker: UnitWorker, dealing: Dealing, usual: int, cuda: bool, advance: Advance) -> None:
    if engine() == "ray":
        from crosshash.workers.ray_engine import run_ray  # an extra, and slow to load

        done = lambda unit: advance(unit.size)  # noqa: E731
        run_ray(worker.work, worker.folder, dealing, worker_count(), cuda, done)
        return
    count = worker_count() or usual
    with workers(count if count > 1 else 0) as crew:
        if crew:
            run_local(worker.work, worker.folder, dealing, crew, lambda unit: advance(unit.size))
            return
        while (unit := dealing.take("", [""])) is not None:
            if (reason := worker.do(unit, advance)) is not None:
                dealing.failed("", unit, reason, [""])


def _asked(units: Iterable[Unit], share: Share, names: list[str]) -> Iterator[Unit]:
    """Leave out what others do; notes all names."""
    for number, unit in enumerate(units):
        names.append(unit.name)
        if number % share.of == share.index:
            yield unit


def _missing(folder: Path, units: Iterable[Unit], advance: Advance) -> Iterator[Unit]:
    """Leave out what is done, and say how much that is."""
    done = 0
    for unit in units:
        if is_sealed(folder / unit.name):
            done += 1
            advance(unit.size)
        else:
            yield unit
    if done:
        log.info("%d unit(s) of work were done before", done)
