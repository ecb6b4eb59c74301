"""Asymmetric scores: the inner product of a real-valued query with the +-1 code of an item, highest first.

Sums are of float32 values in float64, so that they are exact wherever the values of a query lie within some
five orders of magnitude: scores do not depend on the order of summing, and equal ones tie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.byte_tables import byte_tables
from crosshash.index.exact import Codes, Rows

Reals = NDArray[np.float32]
Scores = NDArray[np.float64]
Scored = tuple[Rows, Scores]
"""Rows int64[Q, T] and scores float64[Q, T]."""


def rescored(queries: Reals, packed: Codes, places: Rows, top: int) -> Scored:
    """Score candidates exactly and keep the `top` best: places int64[Q, top], scores float64[Q, top].

    queries: float32[Q, 8 W]; packed: uint8[N, W]; places: int64[Q, C], C at least `top`.
    """
    tables = byte_tables(queries)
    firsts = np.arange(0, tables.size, 256).reshape(len(queries), 1, -1)  # of each table, all side by side
    scores = tables.ravel().take(firsts + packed[places]).sum(axis=2)
    order = np.lexsort((places, -scores), axis=-1)[:, :top]
    return np.take_along_axis(places, order, axis=1), np.take_along_axis(scores, order, axis=1)


def best(queries: Reals, packed: Codes, rows: Rows, top: int) -> Scored:
    """Score all codes exactly: rows int64[Q, top] and scores float64[Q, top], by falling score, then row.

    queries: float32[Q, 8 W]; packed: uint8[N, W], N at least `top`; rows: int64[N].
    """
    found = np.empty((len(queries), top), np.int64), np.empty((len(queries), top), np.float64)
    for query, tables in enumerate(byte_tables(queries)):
        found[0][query], found[1][query] = first(scores_of(tables, packed), rows, top)
    return found


def scores_of(tables: NDArray[np.float64], packed: Codes) -> Scores:
    """Score codes uint8[N, W] by the tables float64[W, 256] of one query: float64[N]."""
    scores = np.zeros(len(packed))
    for table, column in zip(tables, packed.T, strict=True):
        scores += table.take(column)
    return scores


def first(scores: Scores, rows: Rows, top: int) -> Scored:
    """Keep the `top` of one query, at most N, by falling score, then row: int64[top], float64[top]."""
    place = len(scores) - top
    chosen = np.flatnonzero(scores >= np.partition(scores, place)[place]) if 0 < place < len(scores) else ...
    scores, rows = scores[chosen], rows[chosen]
    order = np.lexsort((rows, -scores))[:top]
    return rows[order], scores[order]
