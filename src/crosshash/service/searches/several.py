"""Several searches in one request, as JSON."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crosshash.codes.real_codes import Distance
from crosshash.search.page import REACH
from crosshash.service.answers import Found, as_json
from crosshash.service.batches import Query
from crosshash.service.refusals import refusals
from crosshash.service.searches.asking import (
    LONGEST_TEXT,
    MOST_LABELS,
    TOP,
    asked_of,
    check_type,
    found_for,
    named,
    task_of,
)
from crosshash.service.service import service_of
from crosshash.service.uploads import announced, body_of

MOST_QUERIES = 64
LARGEST_JSON = 2_000_000
"""Bytes of a request: the longest texts, each letter of them written as six."""

router = APIRouter(responses=refusals(503))


class Question(BaseModel):
    """A text, the id of an item to look like, or both; weight: of the text."""

    model_config = ConfigDict(extra="forbid")
    text: str | None = Field(None, max_length=LONGEST_TEXT)
    like: str | None = None
    weight: float = Field(0.5, ge=0, le=1)


class Several(BaseModel):
    """Queries that share all else."""

    model_config = ConfigDict(extra="forbid")
    queries: list[Question] = Field(min_length=1, max_length=MOST_QUERIES)
    task: Literal["t2i", "t2t", "i2t", "i2i"] | None = None
    top: int = Field(TOP, ge=1, le=REACH)
    labels: list[str] = Field([], max_length=MOST_LABELS)
    distance: Distance | None = None
    offset: int | None = Field(None, ge=0, lt=REACH)


class SeveralFound(BaseModel):
    """An answer for each query, in their order, all of one state of the index."""

    answers: list[Found]


def _schema() -> dict[str, object]:
    """Describe `Several` in one piece."""
    schema = Several.model_json_schema()
    schema["properties"]["queries"]["items"] = schema.pop("$defs")["Question"]
    return schema


@router.post(
    "/search/batch",
    response_model=SeveralFound,
    responses=refusals(408, 413, 415, 422),
    summary="Answer several queries at once",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _schema()}}}},
)
async def by_several(request: Request) -> Response:
    """The body is JSON: up to 64 queries, each a text, the id of an item (like) or both, and what they share.

    Where one of them cannot be answered, none is.
    """
    service = service_of(request)
    check_type(request, "application/json", "JSON as the body, with Content-Type: application/json")
    with service.room.taken(announced(request, LARGEST_JSON)):
        body = await body_of(request, LARGEST_JSON)
    try:
        several = Several.model_validate_json(body)
    except ValidationError as error:
        told = (f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors())
        raise HTTPException(422, "; ".join(told)) from None
    queries = []
    rest = (several.top, tuple(several.labels), several.distance, several.offset)
    for place, one in enumerate(several.queries):
        with named(f"queries.{place}: "):
            asked = asked_of(one.text, None, one.like, one.weight)
            queries.append(Query(asked, task_of(asked, several.task), *rest))
    _, answers = await found_for(request, queries)
    return as_json(SeveralFound(answers=answers))
