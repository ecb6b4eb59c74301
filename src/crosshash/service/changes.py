"""Items that clients add to the collection that is served, and take out of it: with the token.

Encoding needs torch, so that this is imported where a project is served alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from crosshash.bundle.sources import ProjectSource
from crosshash.collection.additions import Addition, caption_id
from crosshash.collection.collection import Change, TakenId, UnknownItem, add_items, remove_items
from crosshash.errors import CrosshashError
from crosshash.formats.spelling import as_seen, composed
from crosshash.search.decoding import BadPicture
from crosshash.service.access.token import needs_token
from crosshash.service.answers import as_json
from crosshash.service.live.live import Live
from crosshash.service.refusals import refusals
from crosshash.service.routes import ItemTold, item_told
from crosshash.service.service import Service, service_of
from crosshash.service.uploads import announced, body_of
from crosshash.workers.lock import HeldError

LONGEST_ID, LONGEST_TEXT, LONGEST_LABEL = 500, 2000, 200
MOST_CAPTIONS, MOST_LABELS = 20, 100
TRIES = 20
"""Times that files are taken up which others write meanwhile."""

A = TypeVar("A")

Id = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=LONGEST_ID,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Of the item; without it one made of the picture, or of the caption.",
    ),
]
Captions = Annotated[
    list[Annotated[str, Query(max_length=LONGEST_TEXT)]] | None,
    Query(max_length=MOST_CAPTIONS, description="A caption; may be repeated."),
]
Labels = Annotated[
    list[Annotated[str, Query(max_length=LONGEST_LABEL)]] | None,
    Query(max_length=MOST_LABELS, description="A label; may be repeated."),
]
Replace = Annotated[bool, Query(description="Whether an item of this id that is there may be replaced.")]

log = logging.getLogger("crosshash.service")
router = APIRouter(dependencies=[Depends(needs_token)], responses=refusals(401, 403, 409, 422, 503, 507))


class AddedItem(ItemTold):
    """An item that was sent; index: digest of the files in which it is searched, as /card tells it."""

    change: Literal["new", "replaced", "unchanged"]
    index: str | None


THERE: dict[str, Any] = {"model": AddedItem, "description": "The item was there: replaced, or equal."}


@router.post(
    "/items",
    status_code=201,
    response_model=AddedItem,
    responses={200: THERE, **refusals(408, 413, 415)},
    summary="Add an item to the collection, or replace one",
    openapi_extra={"requestBody": {"required": False, "content": {"image/*": {}}}},
)
async def add(
    request: Request,
    id: Id = None,  # noqa: A002 - the name in the address
    caption: Captions = None,
    label: Labels = None,
    replace: Replace = False,
) -> Response:
    """The body is a picture file as it is; an item of captions alone has none. It is found from then on."""
    service = service_of(request)
    source = _project_of(service.live)
    captions = tuple(dict.fromkeys(text for one in caption or () if (text := one.strip())))
    labels = tuple(dict.fromkeys(name for one in label or () if (name := as_seen(one))))
    with service.room.taken(_announced(request, service.largest)):
        body = await _picture_of(request, service)
        if body is None and not captions:
            raise HTTPException(422, "an item is a picture, a caption or both: this is neither")
        name = composed(id) if id else picture_id(body) if body is not None else caption_id(captions[0])
        addition = Addition(name, body, captions, labels)
        encoder: Any = service.searcher.encoder

        def add() -> Change:
            return add_items(
                source.project,
                [addition],
                source.index,
                encoder=encoder,
                replace=replace,
                patient=False,
            )

        change = await _changed(service, lambda: asyncio.to_thread(add))
    state = service.live.now
    found = state.searcher.item(name)
    if found is None:
        raise HTTPException(503, "the item was added, and taken out again by another client")
    told = "unchanged" if change.unchanged else "replaced" if change.replaced else "new"
    item = item_told(state, found)
    answer = AddedItem(change=told, index=state.index, **item.model_dump())
    return as_json(answer, 201 if change.new else 200)


@router.delete(
    "/items/{id:path}",
    status_code=204,
    response_class=Response,
    responses=refusals(404),
    summary="Take an item out of the collection",
)
async def take_out(request: Request, id: str) -> Response:  # noqa: A002
    """No search finds it from then on; an item of the run's index is taken out of the collection alone."""
    service = service_of(request)
    source = _project_of(service.live)
    encoder: Any = service.searcher.encoder

    def take_out() -> Change:
        return remove_items(source.project, [id], source.index, encoder=encoder, patient=False)

    await _changed(service, lambda: asyncio.to_thread(take_out))
    return Response(status_code=204)


def picture_id(picture: bytes) -> str:
    """Name a picture that comes without a name."""
    return f"picture:{hashlib.sha256(picture).hexdigest()[:16]}"


async def _changed(service: Service, change: Callable[[], Awaitable[A]]) -> A:
    """Change the collection, one client at a time, and search what it is then.

    Raises:
        HTTPException: 404, 409, 503 or 507; what files are concerned is for the log.
        BadPicture: the picture is none.
    """
    async with service.writing:
        try:
            done = await change()
        except UnknownItem:
            raise HTTPException(404, "no item of the index has this id") from None
        except TakenId:
            raise HTTPException(
                409, "an item of this id is there, with other content: replace=true replaces it"
            ) from None
        except HeldError:
            told = "another process is changing the collection; try again in some seconds"
            raise HTTPException(503, told, {"Retry-After": "5"}) from None
        except BadPicture:
            raise
        except CrosshashError as error:
            log.error("a change of the collection failed: %s", error)
            if isinstance(error.__cause__, OSError):
                told = "the collection cannot be written, or its disk is full; nothing has changed"
                raise HTTPException(507, told) from None
            raise HTTPException(
                409, "the collection does not fit the model that is served, or cannot be read: see the log"
            ) from None
        await _taken_up(service)
    return done


async def _taken_up(service: Service) -> None:
    """Search the collection as it is now.

    Raises:
        HTTPException: its files cannot be loaded, or go on changing; the change itself is made (503).
    """
    for again in range(TRIES):
        result = await asyncio.to_thread(service.live.refresh)
        if result in ("taken", "same"):
            return
        if result == "refused":
            break
        await asyncio.sleep(0.02 * again)
    told = "the change is made, and not searched yet: /readyz says why"
    raise HTTPException(503, told, {"Retry-After": "5"})


def _project_of(live: Live) -> ProjectSource:
    """Give the project that is served: these routes are there for such ones alone."""
    assert isinstance(live.source, ProjectSource)  # noqa: S101
    return live.source


def _announced(request: Request, largest: int) -> int:
    """Say how many bytes a body may have; none is announced where there is no picture."""
    return announced(request, largest) if _has_body(request) else 0


async def _picture_of(request: Request, service: Service) -> bytes | None:
    """Read the picture and look at it; None where there is no body.

    Raises:
        HTTPException: 413, 415 or 408.
        CrosshashError: it is no picture, or the model reads vectors.
    """
    if not _has_body(request):
        return None
    if not request.headers.get("content-type", "").startswith("image/"):
        raise HTTPException(415, "send the bytes of a picture file as the body, with its Content-Type")
    body = await body_of(request, service.largest)
    searcher = service.searcher
    searcher.encoder.check_kind("image", "pictures")
    async with service.decoders:
        await asyncio.to_thread(searcher.clean_picture, body)
    return body


def _has_body(request: Request) -> bool:
    headers = request.headers
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
