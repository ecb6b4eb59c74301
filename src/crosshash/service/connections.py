"""Connections: how long a request's header may take, how many clients are held, and few words about both."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sys
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10
"""In which a request's header must have come: from the start of the connection, later from its first byte."""

HEADER_BYTES = 64 * 1024
"""Of a header that has not come to its end."""

FILES = 64
"""Open files that connections leave to all else; half of them where fewer than twice that are allowed."""

SILENT_SECONDS = 60
"""For which a line that clients can cause is not written again."""

OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

log = logging.getLogger(__name__)


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1, which by itself takes clients without end and waits for their headers for ever."""

    deadline: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - they are uvicorn's
        """Take over its limit of connections, beyond which it refuses the requests of all of them."""
        super().__init__(*arguments, **named)
        self.most, self.limit_concurrency = self.limit_concurrency, None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a client, or hang up where there are too many."""
        super().connection_made(transport)
        most = min(filter(None, (self.most, most_connections())), default=None)
        if most is not None and len(self.connections) > most:
            log.warning("%d connections are open, the most that are taken: new ones end", most)
            transport.abort()
        self._watch_header()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        super().data_received(data)
        self._watch_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client."""
        super().connection_lost(exc)
        self._stop_watch()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or a header without end, in plain text; then hang up."""
        error = sys.exc_info()[1]
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        if status == 431:
            msg = f"The header of a request may have {HEADER_BYTES // 1024} KB at most."
        told = msg.encode()
        kind = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(told))]
        head = h11.Response(
            status_code=status, headers=[*kind, (b"connection", b"close")], reason=HTTPStatus(status).phrase
        )
        for event in (head, h11.Data(data=told), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch_header(self) -> None:
        """Start the clock where a header is due, stop it where one has come to its end."""
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop_watch()
        elif self.deadline is None:
            self.deadline = self.loop.call_later(HEADER_SECONDS, self.timeout_keep_alive_handler)

    def _stop_watch(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


def most_connections() -> int | None:
    """Say how many connections may be open; None: any number."""
    files = -1 if sys.platform == "win32" else os.sysconf("SC_OPEN_MAX")
    return None if files < 0 else max(files - FILES, files // 2)


def failed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Handle what fails in the event loop: where no connection can be taken, a line in place of tracebacks.

    asyncio tells of one failure as often as connections may wait, and tries as often again a second later,
    where the socket may be closed by then.
    """
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in OUT_OF_FILES:
        log.warning("new connections wait: %s", error.strerror)
    elif not (isinstance(error, ValueError) and "_start_serving" in context["message"]):
        loop.default_exception_handler(context)


class Seldom(logging.Filter):
    """Lets a line through once in `SILENT_SECONDS`: nobody shall fill the disk from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is written; those with a traceback always are."""
        last = self.written.get(record.msg)
        if record.exc_info or last is None or abs(record.created - last) >= SILENT_SECONDS:
            self.written[record.msg] = record.created
            return True
        return False


seldom = Seldom()
log.addFilter(seldom)
