"""Pictures that clients send: counted while they come, and no more of them held than there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from fastapi import HTTPException, Request

from crosshash.service.batches import BusyError

DISCARDED = 16
"""How many times the limit is read and thrown away, so that a client reads the answer and no broken pipe."""

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
    """Say how many bytes a body may turn out to have: what its header says, at most the limit."""
    header = request.headers.get("content-length", "")
    return min(int(header), largest) if header.isdecimal() else largest


async def body_of(request: Request, largest: int) -> bytes:
    """Read a body of at most `largest` bytes.

    Raises:
        HTTPException: 413, it is longer; 408, it took too long; 422, it is empty.
        ClientDisconnect: the client hung up.
    """
    try:
        async with asyncio.timeout(SECONDS):
            body = await _at_most(request.stream(), largest)
    except TimeoutError:
        raise HTTPException(408, f"the picture did not come within {SECONDS} seconds") from None
    if body is None:
        raise HTTPException(413, f"the picture is larger than {largest / 1e6:g} MB, the most that is taken")
    if not body:
        raise HTTPException(422, "the body is empty: send the bytes of a picture file")
    return body


async def _at_most(chunks: AsyncIterator[bytes], largest: int) -> bytes | None:
    """Join chunks; None if there are more bytes, which are thrown away as they come."""
    kept, count = bytearray(), 0
    async for chunk in chunks:
        count += len(chunk)
        if count <= largest:
            kept += chunk
        elif count > DISCARDED * largest:
            return None
        else:
            kept.clear()
    return bytes(kept) if count <= largest else None
