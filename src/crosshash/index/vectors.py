"""Search in items that are stored as vectors: all of them, by inner product with real-valued queries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.vector_code import VectorCode
from crosshash.errors import CrosshashError, listed
from crosshash.index.asymmetric import Scored, first
from crosshash.index.checks import check_top
from crosshash.index.code_index import CodeIndex
from crosshash.index.exact import Rows

DECODED = 1 << 16  # items at once
QUERIES = 16  # scores of that many are held


def search_vectors(
    index: CodeIndex, code: VectorCode, queries: NDArray[np.integer], top: int, keep: Rows | None = None
) -> Scored:
    """Find the `top` items of the highest inner product with each query, or all when there are fewer.

    queries: int[Q, K], real codes in whole numbers; keep: rows int64[M] that may be found. Gives rows
    int64[Q, T] and scores float64[Q, T], exact, by falling score, then row.

    Raises:
        CrosshashError: the index is empty or holds other codes, `top` is below 1, or a query is all zeros.
    """
    check_top(len(index), top)
    width = -(-code.bits // 8)
    if index.packed.shape[1] != width or queries.ndim != 2 or queries.shape[1] != code.dims:
        raise CrosshashError(
            f"the index holds codes of {index.packed.shape[1]} bytes, the queries are {list(queries.shape)}; "
            f"vectors stored as {code.kind} have {width} bytes and {code.dims} dimensions. "
            "Run `dvc repro index`."
        )
    empty = [f"query {row} is all zeros" for row in np.flatnonzero(~queries.any(axis=1))]
    if empty:
        raise CrosshashError(f"these queries cannot be compared with vectors:\n{listed(empty)}")
    chosen = np.arange(len(index)) if keep is None else np.flatnonzero(np.isin(index.rows, keep))
    packed, rows, top = index.packed[chosen], index.rows[chosen], min(top, len(chosen))
    found = np.empty((len(queries), top), np.int64), np.empty((len(queries), top))
    for start in range(0, len(queries), QUERIES):
        block = queries[start : start + QUERIES].astype(np.float64)
        scores = np.empty((len(block), len(rows)))
        for at in range(0, len(rows), DECODED):
            scores[:, at : at + DECODED] = block @ code.decode(packed[at : at + DECODED]).T
        for place, line in enumerate(scores, start):
            found[0][place], found[1][place] = first(line, rows, top)
    return found
