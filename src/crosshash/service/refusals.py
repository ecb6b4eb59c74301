"""What the service says when it does not answer, and how the description of its interface tells of it."""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel

WHEN = {
    401: "the token is absent or another one",
    403: "the service was started without a token, and takes no changes",
    404: "there is no such item, or no picture of it",
    408: "an upload does not come to its end in time",
    409: "an item of the id is there already, or the collection is not of the model that is served",
    413: "a body of more bytes than are taken",
    415: "a body that is not announced as what is taken, a picture or JSON",
    422: "a query that cannot be answered: a parameter is absent, unknown or out of range, no item has the "
    "label, no word is known, or the body is no picture, a cut one, or one of too many pixels",
    503: "too many requests wait: come back after Retry-After seconds; the store that "
    "holds the codes does not answer; another process changes the collection; or the service ends",
    507: "the collection cannot be written: its disk is full",
}


class Refusal(BaseModel):
    """Why a request is not answered."""

    detail: str


def refused(status: int, detail: str, **headers: str) -> JSONResponse:
    """Write a refusal."""
    return JSONResponse(Refusal(detail=detail).model_dump(), status, headers)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe how a route may refuse."""
    return {status: {"model": Refusal, "description": WHEN[status]} for status in statuses}
