"""Pages of hits: all of a query are cut from one list, so that they neither overlap nor skip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError

REACH = 1000
"""Hits that pages are cut from."""

Line = tuple[NDArray[np.int64], NDArray[np.int32] | None, NDArray[np.float32]]
"""Rows int64[T], distances int32[T] and scores float32[T] of one query."""


def check_page(top: int, offset: int | None) -> None:
    """Refuse a page that there cannot be.

    Raises:
        CrosshashError: `top` is below 1, `offset` below 0, or the page ends beyond REACH.
    """
    if top < 1:
        raise CrosshashError(f"top is {top}; at least 1 item must be asked for.")
    if offset is not None and not 0 <= offset <= REACH - top:
        raise CrosshashError(
            f"offset is {offset}, top {top}: no offset is below 0, and both together are at most {REACH}."
        )


def page_of(
    rows: NDArray[np.int64],
    distances: NDArray[np.int32] | None,
    scores: NDArray[np.float32],
    own: int | None,
    top: int,
    offset: int,
) -> Line:
    """Cut `top` hits after `offset` others from those of one query; the row `own` is none of them."""
    places = np.arange(len(rows)) if own is None else np.flatnonzero(rows != own)
    places = places[offset : offset + top]
    return rows[places], None if distances is None else distances[places], scores[places]
