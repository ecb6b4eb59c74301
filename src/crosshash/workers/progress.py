"""A progress bar on stderr: rate and time left on a terminal, nothing where the output goes to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

T = TypeVar("T")


class RateColumn(ProgressColumn):
    """Items per second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Write the rate, once there is one."""
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:,.0f} {self.unit}/s")


def tracked(values: Iterable[T], total: int, label: str, unit: str) -> Iterator[T]:
    """Yield the values while a bar shows how many of `total` are done."""
    with _item_bar(label, unit) as progress:
        yield from progress.track(values, total=total)


@contextmanager
def counted(total: int, label: str, unit: str) -> Iterator[Callable[[int], None]]:
    """Show a bar that the given function moves by a number of values."""
    with _item_bar(label, unit) as progress:
        task = progress.add_task("", total=total)
        yield lambda count: progress.advance(task, count)


def byte_bars() -> Progress:
    """Make a display of bars that count bytes, one per file; use it as a context."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _item_bar(label: str, unit: str) -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), RateColumn(unit), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
