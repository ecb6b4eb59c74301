"""Who does which unit: what failed is tried by another worker, what a worker died over is given again.

A worker that fails several in a row, as on a full disk, gets nothing while others work: it would be through
with all units in no time.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable

from crosshash.workers.units import Unit

TRIES = 2
"""Workers that try a unit which fails."""
DEATHS = 3
"""Workers that may die over a unit."""
IN_A_ROW = 3
"""Failures in a row after which a worker is passed over."""


class Dealing:
    """Units on their way to workers, which are known by any name; failures: why, by the name of the unit."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self.failures: dict[str, str] = {}
        self._fresh = iter(units)
        self._again: deque[Unit] = deque()
        self._tried: defaultdict[str, set[str]] = defaultdict(set)
        self._deaths: Counter[str] = Counter()
        self._in_a_row: Counter[str] = Counter()

    def take(self, worker: str, crew: Collection[str]) -> Unit | None:
        """Give a worker a unit, None where there is none for it; crew: all that live, itself among them."""
        others = self._others(worker, crew)
        if others and self._in_a_row[worker] >= IN_A_ROW:
            return None
        for unit in self._again:
            if not others or worker not in self._tried[unit.name]:
                self._again.remove(unit)
                return unit
        return next(self._fresh, None)

    def done(self, worker: str) -> None:
        """Note that a worker has done a unit."""
        self._in_a_row[worker] = 0

    def failed(self, worker: str, unit: Unit, reason: str, crew: Collection[str]) -> bool:
        """Note that a unit failed; says whether it is tried again."""
        self._in_a_row[worker] += 1
        self._tried[unit.name].add(worker)
        again = len(self._tried[unit.name]) < TRIES and self._others(worker, crew)
        if again:
            self._again.append(unit)
        else:
            self.failures[unit.name] = reason
        return again

    def lost(self, unit: Unit, how: str) -> None:
        """Note that a worker ended over a unit."""
        self._deaths[unit.name] += 1
        if self._deaths[unit.name] < DEATHS:
            self._again.append(unit)
        else:
            self.failures[unit.name] = f"{how}, {DEATHS} times"

    def _others(self, worker: str, crew: Collection[str]) -> bool:
        return any(one != worker and self._in_a_row[one] < IN_A_ROW for one in crew)
