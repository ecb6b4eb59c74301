from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from crosshash.search import Asked
from crosshash.service.batches import Batches, BusyError, Query


def text(words: str) -> Query:
    return Query(Asked(words), "t2i", 10)


def picture(content: bytes) -> Query:
    return Query(Asked(picture=content), "i2t", 1)


class Desk:
    """Answers each query by its content in capitals; keeps the batches that it was given."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.open = threading.Event()

    def answer(self, queries: Sequence[Query]) -> list[str | Exception]:
        contents = [query.asked.text or query.asked.picture for query in queries]
        self.batches.append(contents)
        self.open.wait()
        if "burn" in contents:
            raise RuntimeError("the desk burns")
        return [KeyError("no") if content == "no" else str(content).upper() for content in contents]


@asynccontextmanager
async def working(
    size: int = 32, longest_queue: int = 100
) -> AsyncIterator[tuple[Desk, Batches[str], list[int]]]:
    """A desk that is at work on the query "first" until it is opened."""
    desk, sizes = Desk(), []
    batches: Batches[str] = Batches(desk.answer, size, longest_queue, sizes.append)
    async with batches.working():
        first = batches.submit(text("first"))
        while not desk.batches:
            await asyncio.sleep(0.001)
        try:
            yield desk, batches, sizes
        finally:
            desk.open.set()
        assert await first == ["FIRST"]


def test_what_queued_meanwhile_is_the_next_batch() -> None:
    async def scenario() -> None:
        async with working() as (desk, batches, sizes):
            waiting = [batches.submit(text(word)) for word in ("a", "b", "c")]
            assert len(batches) == 3
            desk.open.set()
            assert await asyncio.gather(*waiting) == [["A"], ["B"], ["C"]]
            assert desk.batches == [["first"], ["a", "b", "c"]]
            assert sizes == [1, 3]
            assert len(batches) == 0

    asyncio.run(scenario())


def test_texts_and_pictures_go_apart_the_oldest_first_and_not_more_than_the_size() -> None:
    async def scenario() -> None:
        async with working(size=2) as (desk, batches, _):
            asked = (text("a"), picture(b"x"), text("b"), text("c"), picture(b"y"))
            waiting = [batches.submit(query) for query in asked]
            desk.open.set()
            await asyncio.gather(*waiting)
            assert desk.batches[1:] == [["a", "b"], [b"x", b"y"], ["c"]]

    asyncio.run(scenario())


def test_queries_of_one_request_stay_together_and_count_each() -> None:
    async def scenario() -> None:
        async with working(size=3, longest_queue=9) as (desk, batches, sizes):
            two, four = (batches.submit(*map(text, words)) for words in ("ab", "cdef"))
            one, also = batches.submit(text("g")), batches.submit(picture(b"x"), text("h"))
            assert len(batches) == 9
            with pytest.raises(BusyError):
                batches.submit(text("i"))
            desk.open.set()
            assert [await asked for asked in (two, four, one)] == [["A", "B"], list("CDEF"), ["G"]]
            assert await also == ["B'X'", "H"]
            assert desk.batches[1:] == [["a", "b", "g"], ["c", "d", "e", "f"], [b"x", "h"]]
            assert sizes == [1, 3, 4, 2]

    asyncio.run(scenario())


def test_a_full_queue_refuses() -> None:
    async def scenario() -> None:
        async with working(longest_queue=2) as (desk, batches, _):
            waiting = [batches.submit(text(word)) for word in ("a", "b")]
            with pytest.raises(BusyError):
                batches.submit(text("c"))
            desk.open.set()
            assert await asyncio.gather(*waiting) == [["A"], ["B"]]
            assert await batches.submit(text("d")) == ["D"]

    asyncio.run(scenario())


def test_who_has_gone_is_dropped_from_the_queue_or_from_the_answers() -> None:
    async def scenario() -> None:
        async with working() as (desk, batches, _):
            gone, stays = batches.submit(text("gone")), batches.submit(text("stays"))
            gone.cancel()
            await asyncio.sleep(0)
            assert len(batches) == 1
            desk.open.set()
            assert await stays == ["STAYS"]
            assert desk.batches == [["first"], ["stays"]]
            desk.open.clear()
            late, other = batches.submit(text("late")), batches.submit(text("other"))
            while len(desk.batches) < 3:
                await asyncio.sleep(0.001)
            late.cancel()  # it is being answered
            desk.open.set()
            assert await other == ["OTHER"]

    asyncio.run(scenario())


def test_a_failure_belongs_to_its_query_or_its_batch_and_work_goes_on() -> None:
    async def scenario() -> None:
        async with working() as (desk, batches, _):
            no, yes = batches.submit(text("no")), batches.submit(text("yes"))
            desk.open.set()
            assert [type(one) for one in await no] == [KeyError]
            assert await yes == ["YES"]
            (burnt,) = await batches.submit(text("burn"))
            assert str(burnt) == "the desk burns"
            assert await batches.submit(text("after")) == ["AFTER"]

    asyncio.run(scenario())


def test_who_waits_at_the_end_is_told() -> None:
    async def scenario() -> None:
        batches: Batches[str] = Batches(Desk().answer, 2, 2, print)
        async with batches.working():
            late = batches.submit(text("late"))
        with pytest.raises(BusyError):
            await late

    asyncio.run(scenario())
