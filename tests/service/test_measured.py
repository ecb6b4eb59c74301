"""What every answer carries and counts, around an application of one line."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Scope, Send

from crosshash.service.measured import Measured, Metrics
from tests.service.clients import value

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/x"}


async def nothing() -> Message:
    return {"type": "http.disconnect"}


def test_what_nobody_caught_is_a_plain_answer() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("/secret/path")

    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    metrics = Metrics()
    asyncio.run(Measured(broken, metrics)(dict(SCOPE), nothing, keep))
    assert messages[0]["status"] == 500
    assert b"secret" not in messages[1]["body"]
    labels = {"route": "none", "method": "GET", "status": "500"}
    assert value(metrics.registry, "crosshash_requests_total", **labels) == 1


def test_a_request_is_counted_before_its_answer_leaves() -> None:
    """Else who has read an answer may not find it in /metrics yet."""
    metrics = Metrics()
    labels = {"route": "none", "method": "GET", "status": "204"}
    counts: list[float] = []

    async def empty(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def keep(message: Message) -> None:
        counts.append(value(metrics.registry, "crosshash_requests_total", **labels))

    asyncio.run(Measured(empty, metrics)(dict(SCOPE), nothing, keep))
    assert counts == [1, 1]
    assert value(metrics.registry, "crosshash_request_seconds_count", route="none") == 1


def test_a_request_that_is_broken_off_is_told_to_come_back() -> None:
    messages: list[Message] = []

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async def keep(message: Message) -> None:
        messages.append(message)

    async def scenario(metrics: Metrics) -> None:
        task = asyncio.create_task(Measured(endless, metrics)(dict(SCOPE), nothing, keep))
        await asyncio.sleep(0)  # it has begun
        task.cancel()
        await task

    metrics = Metrics()
    asyncio.run(scenario(metrics))
    assert messages[0]["status"] == 503
    assert (b"retry-after", b"1") in messages[0]["headers"]
    assert b"the service ends" in messages[1]["body"]
    labels = {"route": "none", "method": "GET", "status": "503"}
    assert value(metrics.registry, "crosshash_requests_total", **labels) == 1
