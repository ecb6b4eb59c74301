"""A real HTTP server on loopback for tests, with ranges, that can be told to misbehave.

    with FileServer(folder) as server:
        server.url                                  # "http://127.0.0.1:PORT", serves the files of `folder`
        server.tell("x.zip", cut=1000)              # GETs of x.zip end after 1000 bytes, the first time only
        server.requests                             # every request so far, in order: Request(...)
        server.count("x.zip")                       # GETs of x.zip so far
        server.url_as("localhost")                  # the same server by another name

What `tell` takes is described in `Manners`; HEAD obeys `token`, `redirect`, `status` and `hide_size` alone.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from dataclasses import dataclass, replace
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

BLOCK = 1 << 14


@dataclass(frozen=True)
class Request:
    """A request as it came in, and the status of the answer; path without the slash in front."""

    method: str
    path: str
    range: str | None
    authorization: str | None
    status: int


@dataclass(frozen=True)
class Manners:
    """How one file is served.

    cut: the connection ends after so many bytes of a body, `cut_times` times (-1: always), or several in
    turn. wrong_byte: the byte at this offset of the file is another one, `wrong_times` times (-1: always).
    busy: so many GETs are answered with `busy_status`, with `retry_after` as header if given. status: every
    request is answered with this one. pause: seconds of sleep before each `block` bytes. ignore_range:
    always the whole file, with status 200. chunked: no Content-Length, and so no size. token: wanted as
    Bearer, else 401. redirect: status 302 to that address. etag: instead of one made of the content, "" for
    none. modified: the date, instead of the file's own time, "" for none. ignore_condition: a part is sent
    whatever If-Range says. hide_size: HEAD is 405.
    """

    cut: int | tuple[int, ...] | None = None
    cut_times: int = 1
    wrong_byte: int | None = None
    wrong_times: int = -1
    busy: int = 0
    busy_status: int = 503
    retry_after: str | None = None
    status: int | None = None
    pause: float = 0.0
    block: int = BLOCK
    ignore_range: bool = False
    chunked: bool = False
    token: str | None = None
    redirect: str | None = None
    etag: str | None = None
    modified: str | None = None
    ignore_condition: bool = False
    hide_size: bool = False


class Server(ThreadingHTTPServer):
    """Serves a folder; what it was asked and how it shall behave are read and written under one lock."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.manners: dict[str, Manners] = {}
        self.requests: list[Request] = []
        self.guard = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the overridden one
        """Stay silent."""

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        manners = self.manners_now(path, with_body)
        file = self.server.folder / path
        if (refusal := self.refusal(manners, file, with_body)) is not None:
            self.reply(path, refusal[0], refusal[1])
            return
        body = file.read_bytes()
        etag = f'"{sha256(body).hexdigest()[:16]}"' if manners.etag is None else manners.etag
        modified = (
            formatdate(file.stat().st_mtime, usegmt=True) if manners.modified is None else manners.modified
        )
        start = self.start(manners, (etag, modified))
        headers = {"Accept-Ranges": "bytes", "ETag": etag, "Last-Modified": modified}
        headers = {name: value for name, value in headers.items() if value}
        if start is not None and start >= len(body):
            self.reply(path, 416, {"Content-Range": f"bytes */{len(body)}"})
            return
        if start is not None:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        sent = body[start or 0 :]
        length = {"Transfer-Encoding": "chunked"} if manners.chunked else {"Content-Length": str(len(sent))}
        self.reply(path, 200 if start is None else 206, headers | length)
        if with_body:
            self.send_body(spoilt(sent, start or 0, manners), manners)

    def manners_now(self, path: str, counts: bool) -> Manners:
        """Give the manners of this answer, and use up those that hold for a number of times."""
        with self.server.guard:
            manners = self.server.manners.get(path, Manners())
            if counts:
                if manners.busy:
                    self.server.manners[path] = replace(manners, busy=manners.busy - 1)
                else:
                    self.server.manners[path] = replace(
                        manners,
                        cut=manners.cut[1:] + manners.cut[:1]
                        if isinstance(manners.cut, tuple)
                        else manners.cut,
                        cut_times=max(manners.cut_times - 1, min(manners.cut_times, 0)),
                        wrong_times=max(manners.wrong_times - 1, min(manners.wrong_times, 0)),
                    )
        return manners

    def refusal(self, manners: Manners, file: Path, with_body: bool) -> tuple[int, dict[str, str]] | None:
        """Status and headers of an answer without the file."""
        if manners.redirect is not None:
            return 302, {"Location": manners.redirect}
        if manners.token is not None and self.headers["Authorization"] != f"Bearer {manners.token}":
            return 401, {}
        if manners.status is not None:
            return manners.status, {}
        if manners.hide_size and not with_body:
            return 405, {}
        if manners.busy and with_body:
            return manners.busy_status, {"Retry-After": manners.retry_after} if manners.retry_after else {}
        return None if file.is_file() else (404, {})

    def start(self, manners: Manners, validators: tuple[str, str]) -> int | None:
        """Give the first byte asked for; None where the whole file is to be sent."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if asked is None or manners.ignore_range:
            return None
        condition = self.headers["If-Range"]
        return int(asked[1]) if manners.ignore_condition or condition in (None, *validators) else None

    def reply(self, path: str, status: int, headers: dict[str, str]) -> None:
        """Send status and headers, and note the request."""
        with self.server.guard:
            self.server.requests.append(
                Request(self.command, path, self.headers["Range"], self.headers["Authorization"], status)
            )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not {"Content-Length", "Transfer-Encoding"} & headers.keys():
            self.send_header("Content-Length", "0")
        self.end_headers()

    def send_body(self, body: bytes, manners: Manners) -> None:
        """Send the bytes, slowly or not to their end if told so."""
        cut = manners.cut[0] if isinstance(manners.cut, tuple) else manners.cut
        cut = cut if manners.cut_times else None
        for start in range(0, len(body[:cut]), manners.block):
            time.sleep(manners.pause)
            block = body[:cut][start : start + manners.block]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block) if manners.chunked else block)
        if cut is not None and cut < len(body):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif manners.chunked:
            self.wfile.write(b"0\r\n\r\n")


def spoilt(body: bytes, start: int, manners: Manners) -> bytes:
    """Turn the byte told into another one, if it is among those from `start` on."""
    place = None if manners.wrong_byte is None or not manners.wrong_times else manners.wrong_byte - start
    if place is None or not 0 <= place < len(body):
        return body
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]


class FileServer:
    """Serves `folder` while its context is open."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return self.url_as("127.0.0.1")

    def url_as(self, host: str) -> str:
        return f"http://{host}:{self.server.server_address[1]}"

    def tell(self, path: str, **manners: Any) -> None:  # noqa: ANN401 - the fields of Manners
        """Set how a file is served from now on; see `Manners`."""
        with self.server.guard:
            self.server.manners[path] = Manners(**manners)

    @property
    def requests(self) -> list[Request]:
        with self.server.guard:
            return list(self.server.requests)

    def count(self, path: str) -> int:
        return sum(request.method == "GET" and request.path == path for request in self.requests)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
