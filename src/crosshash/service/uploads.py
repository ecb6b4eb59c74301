"""Bodies that clients send: counted while they come, and no more of them held than there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import HTTPException, Request

from crosshash.service.batches import BusyError

SECONDS = 30
"""In which an upload must have come."""


class Room:
    """Bytes of uploads that may be held at the same time."""

    def __init__(self, size: int) -> None:
        self.free = size

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Hold `size` bytes as long as this is open.

        Raises:
            BusyError: there is no room for them now.
        """
        if size > self.free:
            raise BusyError
        self.free -= size
        try:
            yield
        finally:
            self.free += size


def announced(request: Request, largest: int) -> int:
    """Say how many bytes a body may turn out to have: what its header says, else the most that is taken.

    Raises:
        HTTPException: 413, its header says more than that.
    """
    header = request.headers.get("content-length", "")
    size = int(header) if header.isdecimal() else largest
    if size > largest:
        raise _too_large(largest)
    return size


async def body_of(request: Request, largest: int) -> bytes:
    """Read a body of at most `largest` bytes.

    Raises:
        HTTPException: 413, it is longer; 408, it took too long; 422, it is empty.
        ClientDisconnect: the client hung up.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest:
                    raise _too_large(largest)
    except TimeoutError:
        raise HTTPException(408, f"the body did not come within {SECONDS} seconds") from None
    if not body:
        raise HTTPException(422, "the body is empty")
    return bytes(body)


def _too_large(largest: int) -> HTTPException:
    return HTTPException(413, f"the body is larger than {largest / 1e6:g} MB, the most that is taken")
