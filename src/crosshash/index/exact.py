"""Exact Hamming search over packed codes, by FAISS, ordered by distance, then row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import faiss
import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.parallel import over_blocks

QUERIES = 64  # of one call of FAISS

Codes = NDArray[np.uint8]
Rows = NDArray[np.int64]
Found = tuple[Rows, NDArray[np.int32]]
"""Rows int64[Q, T] and distances int32[Q, T]."""

Q = TypeVar("Q", bound=np.generic)
T = TypeVar("T", bound=np.generic)


def nearest(queries: Codes, packed: Codes, rows: Rows, top: int) -> Found:
    """Find the `top` nearest codes of each query, or all when there are fewer, by distance, then row.

    queries: packed uint8[Q, W]; packed: uint8[N, W] of the items; rows: int64[N], rising.
    """
    top = min(top, len(packed))
    if not top:
        return np.zeros((len(queries), 0), np.int64), np.zeros((len(queries), 0), np.int32)
    places, distances = over_queries(lambda block: scan(block, packed, top), queries, top, np.int32)
    return rows[places], distances


def over_queries(
    search: Callable[[NDArray[Q]], tuple[Rows, NDArray[Any]]],
    queries: NDArray[Q],
    top: int,
    values: type[T],
) -> tuple[Rows, NDArray[T]]:
    """Search by blocks of queries, shared by threads; `search` is to keep to the one that it is called in.

    values: dtype of what is found beside the rows.
    """
    if 0 < len(queries) <= QUERIES:  # a thread more would take longer than the search
        return search(queries)
    starts = range(0, len(queries), QUERIES)
    blocks = [range(start, min(start + QUERIES, len(queries))) for start in starts]
    found = (np.empty((len(queries), top), np.int64), np.empty((len(queries), top), values))

    def work(block: range) -> None:
        chosen = slice(block.start, block.stop)
        found[0][chosen], found[1][chosen] = search(queries[chosen])

    over_blocks(work, blocks)
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep FAISS to the thread that calls it: its own threads wait for one another where cores are busy."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def ordered(rows: Rows, distances: NDArray[np.int32]) -> Found:
    """Order what was found by distance, then row: int64[Q, T], int32[Q, T]."""
    order = np.lexsort((rows, distances), axis=-1)
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1)


def scan(queries: Codes, packed: Codes, top: int) -> Found:
    """Find places int64[Q, top] and distances int32[Q, top] of the nearest codes, on one thread.

    FAISS goes through the codes in their order, the best so far in a heap. Of equal distances the heap drops
    the later place first, and so it is emptied: what comes out are the first `top` by distance and place, in
    that order. Only one thread meets the places in order. Tests hold FAISS to all that.
    """
    with one_thread():
        distances, places = faiss.knn_hamming(queries, packed, top, "hc")
    return places, distances
