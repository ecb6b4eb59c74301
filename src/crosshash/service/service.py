"""What the routes work with, and what whoever starts the service chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import Request

from crosshash.search import Searcher
from crosshash.service.access.token import Token
from crosshash.service.answers import Answer
from crosshash.service.batches import Batches
from crosshash.service.live.live import Live
from crosshash.service.measured import Metrics
from crosshash.service.uploads import Room


@dataclass(frozen=True)
class Settings:
    """Limits and what is allowed.

    upload_mb: size of the largest picture that is taken, MB. hosts: names that the service answers to beside
    those of loopback: under any name, a page from elsewhere could let its own point here and read the
    answers. reload_seconds: time between looks for newer files, 0: none. token: who brings it may change
    items; all_by_token: whether all that tells of items needs it too. origins: of other pages whose scripts
    may read answers. root_path: where another server shows this one. metrics_port: of /metrics alone, which
    is not among the other addresses then. access_log: a line of JSON for each request. max_connections: as
    many as open files allow without it.
    """

    upload_mb: float = 10
    hosts: Sequence[str] = ()
    reload_seconds: float = 0
    token: Token | None = None
    all_by_token: bool = False
    origins: Sequence[str] = ()
    root_path: str = ""
    metrics_port: int | None = None
    access_log: bool = False
    max_connections: int | None = None


@dataclass(frozen=True)
class Service:
    """A model and its index, which newer ones may replace, the queue before them, and the limits.

    largest: bytes of an upload; decoders: how many uploads are decoded at the same time; token: nobody may
    change anything without one; writing: held by the client whose item is being written.
    """

    live: Live
    batches: Batches[Answer]
    room: Room
    metrics: Metrics
    largest: int
    decoders: asyncio.Semaphore
    token: Token | None = None
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def searcher(self) -> Searcher:
        """The model and the index of now; the next call may give others."""
        return self.live.now.searcher


def service_of(request: Request) -> Service:
    """Give the service that a request came to."""
    service: Service = request.app.state.service
    return service
