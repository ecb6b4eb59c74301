"""Origins: pages of other addresses whose scripts may read the answers (CORS)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from crosshash.errors import CrosshashError
from crosshash.service.access.request_log import ID

ORIGIN = re.compile(r"\*|https?://([\w-]+(\.[\w-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?", re.ASCII)
METHODS = ("GET", "HEAD", "POST", "DELETE")


def checked_origin(text: str) -> str:
    """Check an origin as browsers write it, `https://photos.example.org`; `*` is any.

    Raises:
        CrosshashError: it is none.
    """
    if not ORIGIN.fullmatch(text):
        raise CrosshashError(
            f"--cors-origin {text}: is no origin. Give scheme, host and port of the other page, without a "
            "path and in small letters: https://photos.example.org, http://localhost:3000, or * for any page."
        )
    return text


def let_in(app: FastAPI, origins: Sequence[str]) -> None:
    """Let scripts of these origins read answers; where there are none, nothing is said of origins at all."""
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=METHODS,
            allow_headers=["Authorization", ID],
            expose_headers=[ID, "Retry-After"],
        )
