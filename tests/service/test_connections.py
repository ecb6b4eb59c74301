"""Headers that do not come to their end, and more clients than files may be open."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import psutil
import pytest

from crosshash.service import connections
from crosshash.service.connections import FILES, Connection, Seldom, failed
from crosshash.service.service import Settings
from tests.service.clients import get, occupied, sent, until, until_closed, upload
from tests.service.conftest import Running, running

HALF = b"GET /search?q=red HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def hasty(service: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A service that gives headers no time."""
    with running(service.searcher) as started:
        monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)
        yield started


@pytest.mark.parametrize("start", [b"", b"G", HALF])
def test_who_does_not_end_a_header_is_hung_up_on(hasty: Running, start: bytes) -> None:
    with sent(hasty, start) as client:
        assert until_closed(client) == b""


def test_bytes_that_trickle_in_win_no_time(hasty: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that each byte starts anew would never ring."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    with sent(hasty, HALF) as client:
        client.settimeout(0.01)
        for _ in range(1000):
            try:
                client.send(b"x")
                assert client.recv(100) == b""
                break
            except TimeoutError:
                continue
            except ConnectionError:  # it was closed between the two
                break
        else:
            raise AssertionError("the connection was never closed")


def test_the_second_header_of_a_connection_has_its_own_time(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(service.searcher) as own, sent(own, get("red")) as client:
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)
        own.server.config.timeout_keep_alive = 3600
        client.sendall(HALF)
        assert until_closed(client).endswith(b"]}")  # the rest of the first answer, and no second one


def test_no_clock_runs_while_a_request_is_worked_on(service: Running) -> None:
    with occupied(service), sent(service, get("blue")) as client:
        until(lambda: len(service.service.batches) == 1)
        port = client.getsockname()[1]
        (mine,) = (
            one
            for one in service.server.server_state.connections
            if isinstance(one, Connection) and one.client is not None and one.client[1] == port
        )
        assert mine.deadline is None


def test_a_header_without_end_is_told_so(service: Running) -> None:
    """The last byte is the one too many, so that none is left unread, for which the answer would be lost."""
    start = HALF + b"X-Long: "
    with sent(service, start.ljust(connections.HEADER_BYTES, b"x")) as client:
        client.sendall(b"x")
        answer = until_closed(client)
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large")
    assert b"64 KB at most" in answer


def test_connections_beyond_the_number_that_is_set_end_and_the_others_go_on(service: Running) -> None:
    limited = running(service.searcher, settings=Settings(max_connections=3))  # one is its client's
    with limited as own, sent(own, b"") as first, sent(own, b"") as second:
        until(lambda: len(own.server.server_state.connections) == 3)
        with sent(own, b"") as late, suppress(ConnectionError):
            assert until_closed(late) == b""
        assert own.client.get("/healthz").status_code == 200
        for client in (first, second):
            client.sendall(get("red"))
            assert client.recv(15) == b"HTTP/1.1 200 OK"


@dataclass(frozen=True)
class Process:
    """`crosshash serve` as a process whose files can be limited."""

    process: psutil.Process
    base: str
    said: IO[str]

    def limit(self, files: int) -> None:
        _, most = self.process.rlimit(psutil.RLIMIT_NOFILE)
        self.process.rlimit(psutil.RLIMIT_NOFILE, (files, most))

    def clients(self, count: int) -> ExitStack:
        """Connect clients that say nothing; gives what closes them."""
        address, stack = httpx.URL(self.base), ExitStack()
        for _ in range(count):
            stack.enter_context(socket.create_connection((address.host, address.port), timeout=60))
        return stack

    def answers(self) -> bool:
        return httpx.get(f"{self.base}healthz", timeout=60, trust_env=False).status_code == 200


@pytest.fixture
def process(trained_project: Path) -> Iterator[Process]:
    program = Path(sys.executable).parent / "crosshash"
    command = [program, "serve", "--port", "0", "--project", trained_project]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        try:
            found = re.match(r"(http://\S+) ", started.stdout.readline())
            assert found is not None, started.stderr.read()
            yield Process(psutil.Process(started.pid), found[1], started.stderr)
        finally:
            started.terminate()


@pytest.mark.skipif(sys.platform != "linux", reason="sets the limit of another process")
def test_without_files_for_connections_it_writes_a_line_and_recovers(process: Process) -> None:
    idle = process.process.num_fds()
    process.limit(idle + 8)
    with process.clients(30):
        line = process.said.readline()
        if "anything" in line and "learnt" in line:  # the small model's scores may be those of chance
            line = process.said.readline()
        assert line == f"WARNING: new connections wait: {os.strerror(errno.EMFILE)}\n"
    assert process.answers()
    process.limit(most := 2 * idle + FILES)
    with process.clients(most):
        while "are open, the most that are taken" not in (line := process.said.readline()):
            assert "new connections wait" in line
    until(lambda: process.process.num_fds() < idle + 8)
    assert process.answers()
    address = httpx.URL(process.base)
    with socket.create_connection((address.host, address.port), timeout=60) as late:
        late.sendall(upload(9, "Expect: 100-continue"))
        assert late.recv(12) == b"HTTP/1.1 100"  # its body is waited for
        process.limit(idle + 8)
        with process.clients(30):
            until(lambda: process.process.num_fds() >= idle + 8)
            process.process.terminate()
            answer = until_closed(late)
    assert b"HTTP/1.1 503" in answer
    assert b"the service ends" in answer
    assert "Traceback" not in process.said.read()


def record(message: str, created: float, *arguments: object, failure: bool = False) -> logging.LogRecord:
    exc_info = (ValueError, ValueError(), None) if failure else None
    made = logging.LogRecord("x", logging.WARNING, __file__, 1, message, arguments, exc_info)
    made.created = created
    return made


def test_the_same_line_is_written_once_a_minute() -> None:
    seldom = Seldom()
    lines = (("a %d", 0), ("a %d", 30), ("b", 31), ("a %d", 59), ("a %d", 60), ("a %d", 61))
    written = [seldom.filter(record(message, second, second)) for message, second in lines]
    assert written == [True, False, True, False, True, False]
    assert all(seldom.filter(record("a %d", 62, 1, failure=True)) for _ in range(2))


def test_what_else_fails_in_the_loop_is_told_as_ever(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = logging.getLogger("asyncio")  # other programs in this process may have silenced it
    for name, value in (("disabled", False), ("propagate", True)):
        monkeypatch.setattr(told, name, value)
    caplog.set_level(logging.ERROR, "asyncio")

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(failed)
        loop.call_exception_handler({"message": "it broke", "exception": OSError(errno.EPIPE, "pipe")})

    asyncio.run(scenario())
    assert "it broke" in caplog.text
