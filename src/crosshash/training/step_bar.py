"""Progress of long work on the terminal: loss, items per second and time left; silent in a log file."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class StepBar:
    """A bar over the steps of one epoch."""

    def __init__(self, title: str, steps: int) -> None:
        self.items = 0
        self.start = time.perf_counter()
        self.bar = Progress(
            TextColumn(title),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  {task.fields[rate]:.0f} items/s"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self.task = self.bar.add_task(title, total=steps, loss=0.0, rate=0.0)

    def __enter__(self) -> Self:
        """Show the bar."""
        self.bar.start()
        return self

    def advance(self, items: int, loss: float) -> None:
        """Count one step of `items` pairs."""
        self.items += items
        rate = self.items / max(time.perf_counter() - self.start, 1e-9)
        self.bar.update(self.task, advance=1, loss=loss, rate=rate)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self.bar.stop()
