"""Whether the service lives, whether it can answer, and what it searches."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter, Request, Response

from crosshash.service.answers import as_json
from crosshash.service.batches import BusyError
from crosshash.service.live.card import Card
from crosshash.service.refusals import refusals
from crosshash.service.service import service_of

router = APIRouter(responses=refusals(503))


class Health(Card):
    """The process answers, and what it searches."""

    status: Literal["ok"] = "ok"


class Ready(Card):
    """Queries can be answered.

    newer: whether newer files were refused, the log says why, so that what is searched is out of date.
    """

    status: Literal["ready"] = "ready"
    newer: Literal["refused"] | None


@router.get("/healthz", response_model=Health, summary="Whether the service lives, and what it searches")
async def health(request: Request) -> Response:
    """Told from memory, while searches run; who gets no answer may start it again."""
    return as_json(Health(**service_of(request).live.now.card.model_dump()))


@router.get("/readyz", response_model=Ready, summary="Whether queries can be answered")
async def ready(request: Request) -> Response:
    """The queue has room, and the store that holds the codes answers, where there is one; else 503."""
    service = service_of(request)
    if service.batches.full:
        raise BusyError
    state = service.live.now
    await asyncio.to_thread(state.searcher.item, "")
    newer: Literal["refused"] | None = None if service.live.refused is None else "refused"
    return as_json(Ready(newer=newer, **state.card.model_dump()))


@router.get("/card", response_model=Card, summary="What is searched")
async def card(request: Request) -> Response:
    """Method, data set, scores with intervals, digests: told from memory."""
    return as_json(service_of(request).live.now.card)
