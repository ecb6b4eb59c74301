"""What the routes work with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import Request

from crosshash.search import Searcher
from crosshash.service.answers import Hits
from crosshash.service.batches import Batches
from crosshash.service.measured import Metrics
from crosshash.service.uploads import Room


@dataclass(frozen=True)
class Service:
    """A model and its index, the queue before them, and the limits.

    largest: bytes of an upload; decoders: how many uploads are decoded at the same time.
    """

    searcher: Searcher
    batches: Batches[Hits]
    room: Room
    metrics: Metrics
    largest: int
    decoders: asyncio.Semaphore


def service_of(request: Request) -> Service:
    """Give the service that a request came to."""
    service: Service = request.app.state.service
    return service
