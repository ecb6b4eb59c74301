"""Refusals that must reach a client which still sends its body."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.types import Message, Receive, Scope, Send

from crosshash.service import uploads
from crosshash.service.unread import Unread
from tests.service.clients import sent, until_closed, upload
from tests.service.conftest import Running

BODY = bytes(9_000_000)  # more than a socket buffers
CLOSE = "Connection: close"  # after one answer, as urllib asks for


def answered(service: Running, request: bytes) -> tuple[int, bytes]:
    with sent(service, request) as client:
        head, _, body = until_closed(client).partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@contextmanager
def full(service: Running) -> Iterator[None]:
    """No upload finds room."""
    room = service.service.room
    with room.taken(room.free):
        yield


def test_no_room_reaches_who_sends_all_before_reading(service: Running) -> None:
    with full(service):
        for _ in range(5):
            status, body = answered(service, upload(len(BODY), CLOSE) + BODY)
            assert status == 503
            assert "try again" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (upload(len(BODY), CLOSE, kind="text/csv"), 415),
        (upload(len(BODY), CLOSE, path="/search?top=0"), 422),
        (upload(len(BODY), CLOSE, path="/nothing"), 404),
        (upload(len(BODY), CLOSE, path="/healthz"), 405),
        (upload(len(BODY), CLOSE, "Host: elsewhere.example"), 400),
    ],
)
def test_every_other_refusal_does_too(service: Running, header: bytes, status: int) -> None:
    assert answered(service, header + BODY)[0] == status


def test_who_asks_first_is_refused_at_once_or_told_to_go_on(service: Running) -> None:
    asks = upload(len(BODY), CLOSE, "Expect: 100-continue")
    with full(service):
        assert answered(service, asks)[0] == 503  # nothing of the body was sent
    with sent(service, asks) as client:
        assert client.recv(12) == b"HTTP/1.1 100"
        client.sendall(BODY)
        assert b"HTTP/1.1 422" in until_closed(client)


def test_an_upload_that_does_not_end_is_told_and_ended(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "SECONDS", 0.05)
    with sent(service, upload(len(BODY), CLOSE) + b"the start") as client:
        head, _, body = until_closed(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408")
    assert "did not come within" in json.loads(body)["detail"]


def test_the_time_of_a_body_counts_from_the_start_of_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    monkeypatch.setattr(uploads, "SECONDS", 0.05)

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.06)
        await send({"type": "http.response.start", "status": 408})

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"four", "more_body": True}

    async def send(message: Message) -> None:
        assert message["headers"] == [(b"connection", b"close")]

    scope = {"type": "http", "method": "POST", "headers": [(b"content-length", b"4000000")]}
    asyncio.run(Unread(late, 100_000)(scope, receive, send))
    assert asked < 10


@pytest.mark.parametrize(
    ("most", "pieces", "read", "closes"),
    [(10, 100, 3, True), (1000, 100, 100, False), (400, 100, 100, False)],
)
def test_so_much_is_read_and_no_more(most: int, pieces: int, read: int, closes: bool) -> None:
    """Pieces of 4 bytes: 10 are passed with the third of them, 400 are all of them."""
    asked = 0
    told: list[Message] = []

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"four", "more_body": asked < pieces}

    async def send(message: Message) -> None:
        assert asked == read
        told.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"transfer-encoding", b"chunked")]}
    asyncio.run(Unread(refusing, most)(scope, receive, send))
    headers = told[0]["headers"]
    assert (b"a", b"b") in headers
    assert ((b"connection", b"close") in headers) is closes
