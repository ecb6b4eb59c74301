"""Asymmetric search in a store that knows Hamming distance alone: candidates, ordered anew by their scores.

An item at Hamming distance d from the signs of a query q scores at most |q|_1 less twice the d smallest
|q_i|: so much is lost at least where d bits disagree. When the last of the best scores more than any item
could that lies as far as the farthest candidate, nothing that was not a candidate can belong to the best.
Else four times as many candidates are taken, up to `MOST`; beyond, the answer is the best of those.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError
from crosshash.index.asymmetric import Reals, Scored, rescored
from crosshash.index.checks import checked_reals
from crosshash.index.exact import Codes, Rows

Candidates = tuple[Rows, NDArray[np.int32], Codes]
"""Rows int64[T], distances int32[T], codes uint8[T, W], by distance, then row."""

FIRST, EACH = 100, 4
"""Candidates of the first round: at least, and for each item that is asked for."""
TIMES = 4
"""That many times as many are taken in each further round."""
MOST = 10_000
"""Candidates of a query at most."""


def reordered(candidates: Callable[[Codes, int], Candidates], bits: int, queries: Reals, top: int) -> Scored:
    """Find the `top` items of the highest inner product among candidates, as `Store.search_real` does.

    candidates: gives as many as are wanted of a code uint8[W], or all.

    Raises:
        CrosshashError: queries are not float[Q, bits], or one is all zeros or not finite.
    """
    if queries.dtype.kind != "f" or queries.ndim != 2 or queries.shape[1] != bits:
        shape = f"{queries.dtype}{list(queries.shape)}"
        raise CrosshashError(f"the real-valued queries are {shape}, float[Q, {bits}] is needed.")
    padded = checked_reals(queries, -(-bits // 8))
    found = [_best(candidates, query, whole[None], top) for query, whole in zip(queries, padded, strict=True)]
    rows, scores = zip(*found, strict=True)
    return np.stack(rows), np.stack(scores)


def _best(
    candidates: Callable[[Codes, int], Candidates], query: Reals, padded: Reals, top: int
) -> tuple[Rows, NDArray[np.float64]]:
    """Search for one query: rows int64[T] and scores float64[T]."""
    code = np.packbits(query >= 0)
    losses = np.concatenate([[0.0], np.cumsum(np.sort(np.abs(query.astype(np.float64))))])
    wanted = max(FIRST, EACH * top)
    while True:
        wanted = max(top, min(wanted, MOST))
        rows, distances, packed = candidates(code, wanted)
        order = np.argsort(rows)  # places in the order of rows: they settle ties
        places, scores = rescored(padded, packed[order], np.arange(len(order))[None], top)
        best = rows[order][places[0]], scores[0]
        if len(rows) < wanted or wanted == max(MOST, top):
            return best
        if best[1][-1] > losses[-1] - 2 * losses[distances[-1]]:  # there may be more at this very distance
            return best
        wanted *= TIMES
