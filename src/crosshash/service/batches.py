"""Concurrent requests as batches: what has queued while one batch was worked on is the next one.

A request may bring several queries, which stay in one batch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from crosshash.codes.real_codes import Distance
from crosshash.search import Asked

A = TypeVar("A")

log = logging.getLogger("crosshash.service")


class BusyError(Exception):
    """More requests wait than are taken; come back in a second."""


@dataclass(frozen=True)
class Query:
    """What a client looks for, its picture as the bytes of a file, and what of it is to be found."""

    asked: Asked
    task: str
    top: int
    labels: tuple[str, ...] = ()
    distance: Distance | None = None
    offset: int | None = None


@dataclass(frozen=True, eq=False)
class _Waiting(Generic[A]):
    queries: Sequence[Query]
    answers: asyncio.Future[Sequence[A | Exception]]

    @property
    def pictured(self) -> bool:
        return any(query.asked.picture is not None for query in self.queries)


class Batches(Generic[A]):
    """A bounded queue of requests that one thread answers, without delay, up to `size` queries at a time.

    answer: gives for each query of a batch what it deserves, or the exception that it raises.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Query]], Sequence[A | Exception]],
        size: int,
        longest_queue: int,
        seen: Callable[[int], object],
    ) -> None:
        """seen: is told the size of every batch."""
        self.answer = answer
        self.size = size
        self.longest_queue = longest_queue
        self.seen = seen
        self.queue: dict[_Waiting[A], None] = {}  # in the order in which they came
        self.arrived = asyncio.Event()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="search")

    def __len__(self) -> int:
        return sum(len(waiting.queries) for waiting in self.queue)

    @property
    def full(self) -> bool:
        """Say whether a query would be refused now."""
        return len(self) >= self.longest_queue

    def submit(self, *queries: Query) -> asyncio.Future[Sequence[A | Exception]]:
        """Queue queries of one request; who cancels their future takes them out again.

        Raises:
            BusyError: the queue is full.
        """
        if len(self) + len(queries) > self.longest_queue:
            raise BusyError
        waiting = _Waiting(queries, asyncio.get_running_loop().create_future())
        waiting.answers.add_done_callback(lambda _: self._forget(waiting))
        self.queue[waiting] = None
        self.arrived.set()
        return waiting.answers

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Answer queries as long as this is open; what then still waits is told to come back."""
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            for waiting in tuple(self.queue):
                waiting.answers.set_exception(BusyError())
            self.thread.shutdown(cancel_futures=True)

    async def _work(self) -> None:
        while True:
            await self.arrived.wait()
            if not await self._work_once():
                self.arrived.clear()

    async def _work_once(self) -> bool:
        """Answer a batch, of which nothing is held when this returns; gives whether there was one."""
        batch = self._next()
        queries = [query for waiting in batch for query in waiting.queries]
        if not batch:
            return False
        self.seen(len(queries))
        loop = asyncio.get_running_loop()
        answers = iter(await loop.run_in_executor(self.thread, self._answers, queries))
        for waiting in batch:
            own = list(islice(answers, len(waiting.queries)))
            if not waiting.answers.done():  # else its client has gone meanwhile
                waiting.answers.set_result(own)
        return True

    def _next(self) -> list[_Waiting[A]]:
        """Take the oldest request and those of its kind behind it: what has a picture goes apart."""
        batch: list[_Waiting[A]] = []
        left = self.size
        for waiting in self.queue:
            if batch and (left < len(waiting.queries) or waiting.pictured != batch[0].pictured):
                continue
            batch.append(waiting)
            left -= len(waiting.queries)
        for waiting in batch:
            del self.queue[waiting]
        return batch

    def _answers(self, queries: Sequence[Query]) -> Sequence[A | Exception]:
        try:
            return self.answer(queries)
        except Exception as error:
            log.exception("a batch of %d could not be answered", len(queries))
            return [error] * len(queries)

    def _forget(self, waiting: _Waiting[A]) -> None:
        self.queue.pop(waiting, None)  # unless it was answered, or is being worked on
