"""The HTTP interface: search by text or picture, single items and their pictures, metrics."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, BeforeValidator
from pydantic_core import PydanticCustomError
from starlette.requests import ClientDisconnect

from crosshash.codes.real_codes import Distance
from crosshash.errors import CrosshashError
from crosshash.service import batches
from crosshash.service.answers import Answer, Found, Hits, picture_address, told
from crosshash.service.live.state import State
from crosshash.service.refusals import refusals
from crosshash.service.service import service_of
from crosshash.service.uploads import announced, body_of
from crosshash.stores.contract import StoreError

TOP = 10
LARGEST_TOP = 1000
LONGEST_TEXT = 2000
KEPT = {"Cache-Control": "private, max-age=600"}

Top = Annotated[int, Query(ge=1, le=LARGEST_TOP, description="How many items; all, where there are fewer.")]
By = Annotated[
    Distance | None,
    Query(description="Code against code, or the query's real code against codes; without it the index's."),
]
Labels = Annotated[
    list[str] | None, Query(description="Only items with this label; may be repeated: with any of these.")
]


def _asks_by_text(task: str) -> str:
    if task in ("i2t", "i2i"):
        raise PydanticCustomError("task", "should be 't2i' or 't2t'; pictures go by POST")
    return task


def _asks_by_picture(task: str) -> str:
    if task in ("t2i", "t2t"):
        raise PydanticCustomError("task", "should be 'i2t' or 'i2i'; texts go by GET")
    return task


ByText = Annotated[
    Literal["t2i", "t2t"], BeforeValidator(_asks_by_text), Query(description="Images (t2i) or texts (t2t).")
]
ByPicture = Annotated[
    Literal["i2t", "i2i"],
    BeforeValidator(_asks_by_picture),
    Query(description="Texts (i2t) or images (i2i)."),
]

log = logging.getLogger("crosshash.service")
router = APIRouter(responses=refusals(503))


class ItemTold(BaseModel):
    """An item of the index."""

    id: str
    caption: str
    labels: list[str]
    picture: str | None


@router.get(
    "/search", response_model=Found, responses=refusals(422), summary="Find what is nearest to a text"
)
async def by_text(
    request: Request,
    q: Annotated[str, Query(max_length=LONGEST_TEXT, description="The text.")],
    task: ByText = "t2i",
    top: Top = TOP,
    label: Labels = None,
    distance: By = None,
) -> Response:
    """Hits by distance, then row of the index; the first of them re-ranked where the model quantises."""
    if not q.strip():
        raise HTTPException(422, "q: the query is empty: write what you look for")
    return _json(told(*await _found(request, batches.Query(q, task, top, tuple(label or ()), distance))))


@router.post(
    "/search",
    response_model=Found,
    responses=refusals(408, 413, 415, 422),
    summary="Find what is nearest to a picture",
    openapi_extra={"requestBody": {"required": True, "content": {"image/*": {}}}},
)
async def by_picture(
    request: Request,
    task: ByPicture = "i2t",
    top: Top = TOP,
    label: Labels = None,
    distance: By = None,
) -> Response:
    """The body is a picture file as it is: JPEG, PNG, WebP, GIF, TIFF or BMP."""
    service = service_of(request)
    kind = request.headers.get("content-type", "")
    if not kind.startswith("image/"):
        raise HTTPException(
            415, "send the bytes of a picture file as the body, with its Content-Type, as image/jpeg"
        )
    with service.room.taken(announced(request, service.largest)):
        body = await body_of(request, service.largest)
        while True:
            searcher = service.searcher
            async with service.decoders:  # apart from the search, which a large picture must not hold up
                small = await asyncio.to_thread(searcher.clean_picture, body)
            query = batches.Query(small, task, top, tuple(label or ()), distance)
            state, query, hits = await _found(request, query)
            if state.searcher.encoder.max_side == searcher.encoder.max_side:  # a newer one may want another
                return _json(told(state, query, hits))


@router.get(
    "/items/{id:path}",
    response_model=ItemTold,
    responses=refusals(404, 422),
    summary="One item of the index",
)
def item(request: Request, id: str) -> Response:  # noqa: A002 - the name in the address
    """Caption, labels and address of the picture; ids may hold slashes."""
    state = service_of(request).live.now
    found = state.searcher.item(id)
    if found is None:
        raise HTTPException(404, "no item of the index has this id")
    picture = picture_address(found.id, state.index) if found.has_picture else None
    return _json(ItemTold(id=found.id, caption=found.caption, labels=list(found.labels), picture=picture))


@router.get(
    "/picture",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **refusals(404, 422)},
    summary="The picture of an item, JPEG",
)
def picture(
    request: Request,
    id: Annotated[str, Query(description="Of the item.")],  # noqa: A002
    index: Annotated[str, Query(description="Names the index in a browser's cache; nothing else.")] = "",
) -> Response:
    """Pictures are looked up by the id of an item of the index; no path is taken from anybody."""
    try:
        data = service_of(request).searcher.picture(id)
    except StoreError:
        raise
    except CrosshashError as error:  # names a file of this machine, which is for the log
        log.error("picture of %r: %s", id, error)
        data = None
    if data is None:
        raise HTTPException(404, "no item of the index has this id and a picture")
    return Response(data, media_type="image/jpeg", headers=KEPT)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
    summary="Counters for Prometheus",
)
async def metrics(request: Request) -> Response:
    """Requests by route and status, their times, batch sizes, the queue."""
    return Response(generate_latest(service_of(request).metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _found(request: Request, query: batches.Query) -> tuple[State, batches.Query, Hits]:
    """Wait for the hits, or until the client has gone: nobody searches for one who does not listen.

    Raises:
        BusyError: the queue is full.
        ClientDisconnect: the client hung up.
    """
    service = service_of(request)
    answer: asyncio.Future[Answer] = service.batches.submit(query)
    leaving = asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait((answer, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        state, hits = answer.result()
        return state, query, hits
    finally:
        answer.cancel()
        leaving.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(value: BaseModel) -> Response:
    return Response(value.model_dump_json(), media_type="application/json")
