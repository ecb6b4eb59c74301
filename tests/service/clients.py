"""Clients that write HTTP by hand, and what they wait for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
from prometheus_client import CollectorRegistry

from tests.service.conftest import Running


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(name, labels) or 0.0


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does soon."""
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to pass")


def sent(service: Running, request: bytes) -> socket.socket:
    """A client that has sent this and listens no further."""
    address = httpx.URL(service.base)
    client = socket.create_connection((address.host, address.port), timeout=60)
    client.sendall(request)
    return client


def until_closed(client: socket.socket) -> bytes:
    """All that a client is sent, until the service hangs up."""
    got = b""
    while piece := client.recv(65536):
        got += piece
    return got


def get(text: str) -> bytes:
    return f"GET /search?q={text} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def upload(size: int, *more: str, path: str = "/search", kind: str = "image/jpeg") -> bytes:
    """The header of an upload of `size` bytes; more: further lines of it, a Host if it is not localhost."""
    host = () if any(line.startswith("Host:") for line in more) else ("Host: localhost",)
    lines = (f"POST {path} HTTP/1.1", *host, f"Content-Type: {kind}", f"Content-Length: {size}", *more, "")
    return "".join(f"{line}\r\n" for line in lines).encode()


@contextmanager
def occupied(service: Running) -> Iterator[None]:
    """The thread that searches has something else to do, and a query to answer then; all others queue."""
    registry, free = service.service.metrics.registry, threading.Event()
    batches = value(registry, "crosshash_batch_size_count")
    task = service.service.batches.thread.submit(free.wait)
    until(task.running)
    with sent(service, get("red")) as first:
        until(lambda: value(registry, "crosshash_batch_size_count") == batches + 1)
        try:
            yield
        finally:
            free.set()
        assert first.recv(15) == b"HTTP/1.1 200 OK"
