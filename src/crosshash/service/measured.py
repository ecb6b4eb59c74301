"""What /metrics tells, and what every answer carries: counted, timed, locked down, never a traceback."""

from __future__ import annotations

import asyncio
import json
import logging
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crosshash.service.access.request_log import id_of

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
COUNTED = ("GET", "POST", "DELETE")
SIZES = (1, 2, 4, 8, 16, 32, 64)

# The page lives on its own files alone; no other page may frame it or read pictures through it.
HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]

log = logging.getLogger("crosshash.service")


class Metrics:
    """The service's own counters; a second service in the same process has others."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "crosshash_requests", "Requests answered", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "crosshash_request_seconds",
            "Time from request to the first byte of its answer",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.batch = Histogram(
            "crosshash_batch_size",
            "Queries that were encoded and searched together",
            buckets=SIZES,
            registry=self.registry,
        )
        self.reloads = Counter(
            "crosshash_reloads",
            "Newer files that were taken up, or refused",
            ["result"],
            registry=self.registry,
        )
        self.queue = Gauge("crosshash_queue_depth", "Queries that wait", registry=self.registry)


class Measured:
    """ASGI middleware: counts and times requests, adds headers, turns what nobody caught into a plain 500.

    A request is counted before its answer leaves: who has read an answer finds it in /metrics. One that is
    broken off, since the service ends, is answered with 503.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, answered = time.perf_counter(), False

        async def counted(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                message["headers"] = [*message.get("headers", ()), *HEADERS]
                self._count(scope, message["status"], time.perf_counter() - start)
            await send(message)

        try:
            await self.app(scope, receive, counted)
        except asyncio.CancelledError:  # by uvicorn, at the end of the time that it gives
            if not answered:
                await _failed(counted, 503, "the service ends; try again later", (b"retry-after", b"1"))
        except Exception:
            log.exception("%s %s, request %s", scope["method"], scope["path"], id_of(scope))
            if not answered:
                await _failed(counted, 500, "something went wrong inside the service; its log says what")

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in COUNTED else "other"  # clients may invent some
        self.metrics.requests.labels(route, method, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)


async def _failed(send: Send, status: int, reason: str, *headers: tuple[bytes, bytes]) -> None:
    body = json.dumps({"detail": reason}).encode()
    sizes = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*sizes, *headers]})
    await send({"type": "http.response.body", "body": body})
