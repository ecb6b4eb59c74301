"""Asymmetric search in a store that knows Hamming distance alone: candidates, ordered anew by their scores.

An item at Hamming distance d from the signs of a query q scores at most |q|_1 less twice the d smallest
|q_i|: so much is lost at least where d bits disagree. When the last of the best scores more than any item
could that lies as far as the farthest candidate, nothing that was not a candidate can belong to the best.
Else four times as many candidates are taken, up to `MOST`; beyond, the answer is the best of those.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError
from crosshash.index.asymmetric import Reals, Scored, rescored
from crosshash.index.checks import checked_reals
from crosshash.index.exact import Rows
from crosshash.retrieval.codefiles.codeset import Modality
from crosshash.retrieval.codefiles.item_codes import codes_of
from crosshash.stores.contract import Keep, Store

FIRST, EACH = 100, 4
"""Candidates of the first round: at least, and for each item that is asked for."""
TIMES = 4
"""That many times as many are taken in each further round."""
MOST = 10_000
"""Candidates of a query at most."""


def reordered(store: Store, answers: Modality, queries: Reals, top: int, keep: Keep | None) -> Scored:
    """Find the `top` items of the highest inner product among candidates of a store, as `search_real` does.

    Raises:
        CrosshashError: as `Store.search_real`.
    """
    if queries.dtype.kind != "f" or queries.ndim != 2 or queries.shape[1] != store.head.bits:
        raise CrosshashError(
            f"{store.place}: the queries are {queries.dtype}{list(queries.shape)}, "
            f"float[Q, {store.head.bits}] is needed."
        )
    padded = checked_reals(queries, -(-store.head.bits // 8))
    found = [
        _best(store, answers, query, padded[row : row + 1], top, keep) for row, query in enumerate(queries)
    ]
    rows, scores = zip(*found, strict=True)
    return np.stack(rows), np.stack(scores)


def _best(
    store: Store, answers: Modality, query: Reals, padded: Reals, top: int, keep: Keep | None
) -> tuple[Rows, NDArray[np.float64]]:
    """Search for one query: rows int64[T] and scores float64[T]."""
    code = np.packbits(query >= 0)[None]
    losses = np.concatenate([[0.0], np.cumsum(np.sort(np.abs(query.astype(np.float64))))])
    wanted = max(FIRST, EACH * top)
    while True:
        wanted = max(top, min(wanted, MOST))
        candidates, distances = store.search(answers, code, wanted, keep)
        packed, _ = codes_of(store.items(candidates[0]), answers)
        order = np.argsort(candidates[0])  # places in the order of rows: they settle ties
        places, scores = rescored(padded, packed[order], np.arange(len(order))[None], top)
        rows = candidates[0][order][places[0]]
        count = len(candidates[0])
        if count < wanted or wanted >= max(MOST, top):
            return rows, scores[0]
        beyond = losses[-1] - 2 * losses[distances[0, -1]]  # candidates may lack some at this very distance
        if scores[0, top - 1] > beyond:
            return rows, scores[0]
        wanted *= TIMES
