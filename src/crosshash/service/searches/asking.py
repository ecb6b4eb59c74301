"""What all searches over HTTP have in common: who asks for what, and the wait for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from crosshash.errors import CrosshashError
from crosshash.search import Asked
from crosshash.service.answers import Answer, Found, told
from crosshash.service.batches import Query
from crosshash.service.live.state import State
from crosshash.service.service import service_of
from crosshash.stores.contract import StoreError

TOP = 10
LONGEST_TEXT = 2000
MOST_LABELS = 100


def asked_of(text: str | None, picture: bytes | None, like: str | None, weight: float) -> Asked:
    """Put together what asks.

    Raises:
        HTTPException: 422, nothing does, or an empty text.
    """
    if text is not None and not text.strip():
        raise HTTPException(422, "q: the query is empty: write what you look for")
    if text is None and picture is None and like is None:
        raise HTTPException(422, "q: is absent: give a text, or the id of an item to look like, or both")
    return Asked(text, picture, like, weight)


def task_of(asked: Asked, task: str | None) -> str:
    """Check what asks and what is found; where a text and something else ask, only the latter counts.

    Raises:
        HTTPException: 422, something else asks.
    """
    if task is None or asked.mixed or task[0] == asked.task[0]:
        return task or asked.task
    if asked.text is None:
        raise HTTPException(422, "task: should be 'i2t' or 'i2i': an item asks by its picture")
    raise HTTPException(422, "task: should be 't2i' or 't2t'; pictures go by POST")


def check_type(request: Request, start: str, wanted: str) -> None:
    """Refuse a body that is not announced as what is wanted.

    Raises:
        HTTPException: 415.
    """
    if not request.headers.get("content-type", "").startswith(start):
        raise HTTPException(415, f"send {wanted}")


async def found_for(request: Request, queries: Sequence[Query]) -> tuple[State, list[Found]]:
    """Wait for the hits, or until the client has gone: nobody searches for one who does not listen.

    Gives what was found for each query, all of it in one state.

    Raises:
        BusyError: the queue is full.
        ClientDisconnect: the client hung up.
        CrosshashError: a query cannot be answered.
    """
    service = service_of(request)
    answers: asyncio.Future[Sequence[Answer | Exception]] = service.batches.submit(*queries)
    leaving = asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait((answers, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not answers.done():
            raise ClientDisconnect
        found = []
        for place, (query, answer) in enumerate(zip(queries, answers.result(), strict=True)):
            with named(f"queries.{place}: " if len(queries) > 1 else ""):
                if isinstance(answer, Exception):
                    raise answer
            state, hits = answer
            found.append(told(state, query, hits))
        return state, found
    finally:
        answers.cancel()
        leaving.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@contextmanager
def named(query: str) -> Iterator[None]:
    """Say which one of several queries cannot be answered."""
    try:
        yield
    except StoreError:
        raise
    except HTTPException as error:
        raise HTTPException(error.status_code, f"{query}{error.detail}") from None
    except CrosshashError as error:
        raise HTTPException(422, f"{query}{error}") from None
