"""Search in two stages: candidates by Hamming distance, ordered anew by their quantised vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.index.exact import Codes, Rows
from crosshash.index.large.grown import GrownLarge
from crosshash.index.large.large_index import LargeIndex
from crosshash.retrieval.rerank.second_stage import quantised_scores

Scored = tuple[Rows, NDArray[np.int32], NDArray[np.float32]]
"""Rows int64[Q, T], Hamming distances int32[Q, T] and scores float32[Q, T]."""


def search_two_stages(
    index: CodeIndex | LargeIndex | GrownLarge,
    query_codes: Codes,
    query_vectors: NDArray[np.float32],
    words: NDArray[np.integer],
    codebook: NDArray[np.float32],
    candidates: int,
    top: int,
    keep: Rows | None = None,
) -> Scored:
    """Find the `top` items of each query: `candidates` by Hamming distance, in the order of their scores.

    query_codes: packed uint8[Q, W]; query_vectors: float32[Q, d]; words: uint[N, M] by the rows of the index,
    in memory or mapped; codebook: float32[M, W, d]; keep: rows that may be found. Equal scores fall back to
    the distance, then the row. Where `top` is more than `candidates`, the others follow by distance, with
    NaN for a score.

    Raises:
        CrosshashError: `candidates` is below 1, or the search itself is refused (`CodeIndex.search`).
    """
    if candidates < 1:
        raise CrosshashError(f"{candidates} candidates cannot be ordered anew; at least 1 is needed.")
    rows, distances = index.search(query_codes, max(candidates, top), keep)
    scores = np.full(rows.shape, np.nan, np.float32)
    head = slice(None), slice(candidates)
    scores[head] = quantised_scores(query_vectors, rows[head], words, codebook)
    # Candidates come by distance, then row: a stable sort leaves equal scores in that order. NaN goes last.
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return (
        np.take_along_axis(rows, order, axis=1),
        np.take_along_axis(distances, order, axis=1),
        np.take_along_axis(scores, order, axis=1),
    )
