"""A map in a few threads that keeps the order and does not hoard results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

THREADS = 4
LOOKAHEAD = 256

A = TypeVar("A")
B = TypeVar("B")


def in_threads(
    function: Callable[[A], B], values: Iterable[A], threads: int = THREADS, lookahead: int = LOOKAHEAD
) -> Generator[B, None, None]:
    """Map in threads (decoders release the interpreter), in order, at most `lookahead` results waiting.

    Whoever stops early, by Ctrl-C too, waits for the few calls that run and not for those that wait.
    """
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[B]] = deque()
    try:
        for value in values:
            waiting.append(pool.submit(function, value))
            if len(waiting) >= lookahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
