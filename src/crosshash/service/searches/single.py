"""One search: by text, by picture, by an item of the index, or by a text beside one of them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from crosshash.codes.real_codes import Distance
from crosshash.search.page import REACH
from crosshash.service import batches
from crosshash.service.answers import Found, as_json
from crosshash.service.refusals import refusals
from crosshash.service.searches.asking import (
    LONGEST_TEXT,
    MOST_LABELS,
    TOP,
    asked_of,
    check_type,
    found_for,
    task_of,
)
from crosshash.service.service import service_of
from crosshash.service.uploads import announced, body_of


def _asks_by_picture(task: str) -> str:
    if task in ("t2i", "t2t"):
        raise PydanticCustomError("task", "should be 'i2t' or 'i2i'; texts go by GET")
    return task


Text = Annotated[str | None, Query(max_length=LONGEST_TEXT, description="The text.")]
Weight = Annotated[
    float, Query(ge=0, le=1, description="Of the text, where there is a picture or an item beside it.")
]
ByText = Annotated[
    Literal["t2i", "t2t", "i2t", "i2i"] | None,
    Query(description="Images (t2i) or texts (t2t); where there is an item, images (i2i) or texts (i2t)."),
]
ByPicture = Annotated[
    Literal["i2t", "i2i"] | None,
    BeforeValidator(_asks_by_picture),
    Query(description="Texts (i2t) or images (i2i); without it texts, or images where there is a text."),
]
Top = Annotated[int, Query(ge=1, le=REACH, description="How many items; all, where there are fewer.")]
By = Annotated[
    Distance | None,
    Query(description="Code against code, or the query's real code against codes; without it the index's."),
]
Labels = Annotated[
    list[str] | None,
    Query(
        max_length=MOST_LABELS, description="Only items with this label; may be repeated: with any of these."
    ),
]
Offset = Annotated[
    int | None,
    Query(
        ge=0,
        lt=REACH,
        description=f"For pages: how many hits come before, with top at most {REACH}; 0 for the first.",
    ),
]

router = APIRouter(responses=refusals(503))


@router.get(
    "/search",
    response_model=Found,
    responses=refusals(422),
    summary="Find what is nearest to a text, to an item, or to both",
)
async def by_text(
    request: Request,
    q: Text = None,
    like: Annotated[str | None, Query(description="Id of an item.")] = None,
    weight: Weight = 0.5,
    task: ByText = None,
    top: Top = TOP,
    offset: Offset = None,
    label: Labels = None,
    distance: By = None,
) -> Response:
    """Hits by distance, then row of the index; the first of them re-ranked where the model quantises.

    An item asks by its stored code, and is not among its hits. A text beside it: by asymmetric distance, the
    score the weighted mean of both.
    """
    asked = asked_of(q, None, like, weight)
    query = batches.Query(asked, task_of(asked, task), top, tuple(label or ()), distance, offset)
    _, (found,) = await found_for(request, [query])
    return as_json(found)


@router.post(
    "/search",
    response_model=Found,
    responses=refusals(408, 413, 415, 422),
    summary="Find what is nearest to a picture, or to a picture and a text",
    openapi_extra={"requestBody": {"required": True, "content": {"image/*": {}}}},
)
async def by_picture(
    request: Request,
    q: Text = None,
    weight: Weight = 0.5,
    task: ByPicture = None,
    top: Top = TOP,
    offset: Offset = None,
    label: Labels = None,
    distance: By = None,
) -> Response:
    """The body is a picture file as it is: JPEG, PNG, WebP, GIF, TIFF or BMP.

    A text beside it: by asymmetric distance, the score the weighted mean of both.
    """
    service = service_of(request)
    if "like" in request.query_params:
        raise HTTPException(422, "like: a picture asks already, and an item asks by GET: give one of them")
    check_type(
        request, "image/", "the bytes of a picture file as the body, with its Content-Type, as image/jpeg"
    )
    with service.room.taken(announced(request, service.largest)):
        body = await body_of(request, service.largest)
        while True:
            searcher = service.searcher
            async with service.decoders:  # apart from the search, which a large picture must not hold up
                small = await asyncio.to_thread(searcher.clean_picture, body)
            asked = asked_of(q, small, None, weight)
            query = batches.Query(asked, task_of(asked, task), top, tuple(label or ()), distance, offset)
            state, (found,) = await found_for(request, [query])
            if state.searcher.encoder.max_side == searcher.encoder.max_side:  # a newer one may want another
                return as_json(found)
