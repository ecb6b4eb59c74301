"""Small work on units, for any engine: each unit writes its number, some fail or end the process over it."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosshash.artifacts import write_npz
from crosshash.errors import CrosshashError
from crosshash.workers.units import Advance, Make, Unit


@dataclass(frozen=True)
class Toy:
    """notes: a folder that gets a file for each time a unit is made. failing: units that cannot be made.

    deadly: units over which the process ends by SIGKILL, `times` times. seconds: that a unit takes.
    """

    notes: Path
    failing: Container[int] = ()
    deadly: Container[int] = ()
    times: int = 1
    seconds: float = 0.0

    def ready(self) -> Make:
        return self.make

    def make(self, given: int, path: Path, advance: Advance) -> None:
        (self.notes / f"{given:03d}-{time.monotonic_ns()}").touch()
        time.sleep(self.seconds)
        if given in self.deadly and self.made()[given] <= self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        if given in self.failing:
            raise CrosshashError(f"unit {given} is damaged")
        write_npz(path, {"number": np.full(100, given)}, packed=False)
        advance(1)

    def made(self) -> Counter[int]:
        """Count how often each unit was begun."""
        return Counter(int(path.name[:3]) for path in self.notes.iterdir())


def units(count: int) -> list[Unit]:
    return [Unit(f"{number:03d}.npz", number, 1) for number in range(count)]


def toy(folder: Path, **settings: object) -> tuple[Path, Toy]:
    """Make the work's folder and the work."""
    state, notes = folder / "state", folder / "notes"
    for one in (state, notes):
        one.mkdir(parents=True, exist_ok=True)
    return state, Toy(notes, **settings)  # type: ignore[arg-type]


def contents(state: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(state.glob("*.npz"))}
