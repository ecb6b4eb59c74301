"""An id for each request, and a line of JSON about it: who asked for what, and what became of it."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import uuid
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ID = "X-Request-ID"
SANE = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)

log = logging.getLogger("crosshash.access")


def write_to_stdout() -> None:
    """Let lines go where containers expect them."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)


def id_of(scope: Scope) -> str:
    """Give the id of a request."""
    found: str = scope.get("state", {}).get("request_id", "-")
    return found


class RequestLog:
    """ASGI middleware: gives a request its id, which its answer carries too, and writes its line at the end.

    The id of the server in front is kept where it is a plain word. Texts that are searched for, tokens and
    other headers are not written.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(ID, "")
        request_id = given if SANE.fullmatch(given) else uuid.uuid4().hex
        begun, start, status, size = datetime.now(UTC), time.perf_counter(), 499, 0

        async def followed(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (ID.lower().encode(), request_id.encode())]
            size += 0 if scope["method"] == "HEAD" else len(message.get("body", b""))
            await send(message)

        try:
            state = {**scope.get("state", {}), "request_id": request_id}
            await self.app({**scope, "state": state}, receive, followed)
        finally:
            if log.isEnabledFor(logging.INFO):
                asked = {"client": (scope.get("client") or ("-",))[0], "method": scope["method"]}
                answered = {"path": scope["path"], "status": status, "bytes": size}
                when = {"time": begun.isoformat(timespec="milliseconds"), "id": request_id}
                took = {"seconds": round(time.perf_counter() - start, 6)}
                log.info("%s", json.dumps({**when, **asked, **answered, **took}))
