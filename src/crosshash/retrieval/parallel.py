"""Work on blocks of queries, shared by threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from crosshash.errors import CrosshashError

T = TypeVar("T")


def over_blocks(work: Callable[[range], T], blocks: Iterable[range]) -> list[T]:
    """Do the work on every block of queries; gives the results in the order of the blocks."""
    with ThreadPoolExecutor(threads()) as pool:
        return list(pool.map(work, blocks))


def threads() -> int:
    """Give the number of threads: `CROSSHASH_THREADS`, else every core that this process may use.

    Raises:
        CrosshashError: the variable is no whole number above 0.
    """
    text = os.environ.get("CROSSHASH_THREADS", "")
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise CrosshashError(f"CROSSHASH_THREADS is '{text}'; set it to a whole number above 0, or unset it.")
    return int(text)
