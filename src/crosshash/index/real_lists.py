"""Asymmetric search in the lists of an `ivf` index: every code of the lists nearest to a query is scored.

The codes are read where FAISS keeps them for Hamming search, so that this costs no memory of its own.
"""

from __future__ import annotations

import numpy as np

from crosshash.codes.byte_tables import byte_tables
from crosshash.index.asymmetric import Reals, Scored, Scores, first, scores_of
from crosshash.index.exact import Rows
from crosshash.index.structures import Structure, list_content

MORE = 2
"""Lists for each one of `nprobe`, which is chosen by Hamming distance and finds a little less by scores."""


def search_lists(structure: Structure, queries: Reals, top: int) -> Scored:
    """Find about the `top` best of each query, on one thread, by falling score, then row.

    queries: float32[Q, 8 W], none all zeros. Gives rows int64[Q, top] and scores float64[Q, top]; where the
    lists hold fewer codes, rows of -1 with scores of -inf stand at the end.
    """
    found = np.full((len(queries), top), -1, np.int64), np.full((len(queries), top), -np.inf)
    count = min(MORE * structure.setting, len(structure.centroids.packed))
    numbers, _ = structure.centroids.best(queries, count)
    for query, tables in enumerate(byte_tables(queries)):
        rows, scores = _scored(structure, numbers[query].tolist(), tables)
        filled = min(top, len(rows))
        found[0][query, :filled], found[1][query, :filled] = first(scores, rows, filled)
    return found


def _scored(structure: Structure, numbers: list[int], tables: Scores) -> tuple[Rows, Scores]:
    """Score all codes of some lists: rows int64[n] and scores float64[n]."""
    codes, rows = zip(*(list_content(structure.held, number) for number in numbers), strict=True)
    return np.concatenate(rows), scores_of(tables, np.concatenate(codes))
