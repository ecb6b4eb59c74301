"""The HTTP interface beside searches: single items and their pictures."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel

from crosshash.errors import CrosshashError
from crosshash.search import Item
from crosshash.service.answers import as_json, picture_address
from crosshash.service.live.state import State
from crosshash.service.refusals import refusals
from crosshash.service.service import service_of
from crosshash.stores.contract import StoreError

KEPT = {"Cache-Control": "private, max-age=600"}

log = logging.getLogger("crosshash.service")
router = APIRouter(responses=refusals(503))


class ItemTold(BaseModel):
    """An item of the index."""

    id: str
    caption: str
    labels: list[str]
    picture: str | None


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
    return as_json(item_told(state, found))


def item_told(state: State, found: Item) -> ItemTold:
    """Write an item as the service answers it."""
    picture = picture_address(found.id, state.index) if found.has_picture else None
    return ItemTold(id=found.id, caption=found.caption, labels=list(found.labels), picture=picture)


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
