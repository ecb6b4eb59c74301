"""Work on blocks of queries, shared by threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from crosshash.workers.cores import cores

T = TypeVar("T")


def over_blocks(work: Callable[[range], T], blocks: Iterable[range]) -> list[T]:
    """Do the work on every block of queries; gives the results in the order of the blocks."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(work, blocks))
