"""Bodies that nobody wants: read and thrown away, so that their senders read an answer and no broken pipe."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crosshash.service import uploads


class Unread:
    """ASGI middleware: before an answer leaves, reads the rest of its request, at most `most` bytes of it.

    Where more would come, or not in time, the connection ends with the answer. Who asks first whether to send
    (Expect: 100-continue) is answered at once, unless told to.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
            await self.app(scope, receive, send)
            return
        end = asyncio.get_running_loop().time() + uploads.SECONDS
        ended, waits = False, headers.get("expect", "").lower() == "100-continue"

        async def followed() -> Message:
            nonlocal ended, waits
            waits = False
            message = await receive()
            ended = not message.get("more_body", False)
            return message

        async def last(message: Message) -> None:
            if message["type"] == "http.response.start" and not ended:
                left = 0 if waits else self.most
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(end):
                        while left > 0 and not ended:
                            left -= len((await followed()).get("body", b""))
                if not ended:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self.app(scope, followed, last)
