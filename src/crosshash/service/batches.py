"""Concurrent requests as batches: what has queued while one batch was worked on is the next one."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from crosshash.codes.real_codes import Distance

A = TypeVar("A")

log = logging.getLogger("crosshash.service")


class BusyError(Exception):
    """More requests wait than are taken; come back in a second."""


@dataclass(frozen=True)
class Query:
    """What a client looks for: a text, or the bytes of a picture file."""

    content: str | bytes
    task: str
    top: int
    labels: tuple[str, ...] = ()
    distance: Distance | None = None


@dataclass(frozen=True, eq=False)
class _Waiting(Generic[A]):
    query: Query
    answer: asyncio.Future[A]


class Batches(Generic[A]):
    """A bounded queue of queries that one thread answers, up to `size` of a kind at a time, without delay.

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
        self.queue: deque[_Waiting[A]] = deque()
        self.arrived = asyncio.Event()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="search")

    def __len__(self) -> int:
        return len(self.queue)

    @property
    def full(self) -> bool:
        """Say whether a query would be refused now."""
        return len(self.queue) >= self.longest_queue

    def submit(self, query: Query) -> asyncio.Future[A]:
        """Queue a query; who cancels its future takes it out again.

        Raises:
            BusyError: the queue is full.
        """
        if self.full:
            raise BusyError
        waiting = _Waiting(query, asyncio.get_running_loop().create_future())
        waiting.answer.add_done_callback(lambda _: self._forget(waiting))
        self.queue.append(waiting)
        self.arrived.set()
        return waiting.answer

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
                waiting.answer.set_exception(BusyError())
            self.thread.shutdown(cancel_futures=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.arrived.wait()
            batch = self._next()
            if not batch:
                self.arrived.clear()
                continue
            self.seen(len(batch))
            queries = [waiting.query for waiting in batch]
            answers = await loop.run_in_executor(self.thread, self._answers, queries)
            for waiting, answer in zip(batch, answers, strict=True):
                if waiting.answer.done():  # its client has gone meanwhile
                    continue
                if isinstance(answer, Exception):
                    waiting.answer.set_exception(answer)
                else:
                    waiting.answer.set_result(answer)

    def _next(self) -> list[_Waiting[A]]:
        """Take the oldest query and those of its kind behind it: texts and pictures go apart."""
        if not self.queue:
            return []
        kind = type(self.queue[0].query.content)
        batch = [waiting for waiting in self.queue if type(waiting.query.content) is kind][: self.size]
        taken = set(batch)
        self.queue = deque(waiting for waiting in self.queue if waiting not in taken)
        return batch

    def _answers(self, queries: Sequence[Query]) -> Sequence[A | Exception]:
        try:
            return self.answer(queries)
        except Exception as error:
            log.exception("a batch of %d could not be answered", len(queries))
            return [error] * len(queries)

    def _forget(self, waiting: _Waiting[A]) -> None:
        with suppress(ValueError):  # it was answered, or is being worked on
            self.queue.remove(waiting)
