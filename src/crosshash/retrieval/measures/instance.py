"""Scores of sets without labels: does a query find its own partner, the other half of its pair?

Shapes: Q queries, q those of a block, N items of the pool, W bytes of a code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hamming import distances
from crosshash.retrieval.measures.ranking_measures import Measure
from crosshash.retrieval.ranking.asymmetric import RealSearch
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.tied_ranking import Ranking, Ties

BLOCK = 1 << 24  # distances held at once


def partner_scores(
    query_QW: NDArray[np.uint8], pool_NW: NDArray[np.uint8], measures: Sequence[Measure], *, ties: Ties
) -> dict[str, NDArray[np.float64]]:
    """Score each query by its partner, the only relevant item: by measure, float64[Q].

    Packed codes; the first Q rows of the pool are the partners in the same order.
    """
    rankings = []
    step = max(1, BLOCK // len(pool_NW))
    for start in range(0, len(query_QW), step):
        partner_q = np.arange(start, min(start + step, len(query_QW)))
        rankings.append(_ranking(distances(query_QW[partner_q], pool_NW), partner_q, ties))
    return {str(measure): np.concatenate([measure(ranking) for ranking in rankings]) for measure in measures}


def real_partner_scores(
    levels_QK: NDArray[np.int8], pool_NW: NDArray[np.uint8], measures: Sequence[Measure], *, ties: Ties
) -> dict[str, NDArray[np.float64]]:
    """Do the same by asymmetric distance, with real codes of the queries."""
    labels = np.zeros((len(pool_NW), 0), np.uint8)
    search = RealSearch(levels_QK, pool_NW, Side.of(pool_NW, labels), Side.of(pool_NW, labels))
    rankings = [
        _ranking(search.distances(rows), np.arange(rows.start, rows.stop), ties) for rows in search.blocks()
    ]
    return {str(measure): np.concatenate([measure(ranking) for ranking in rankings]) for measure in measures}


def _ranking(
    distance_qN: NDArray[np.uint16] | NDArray[np.float32], partner_q: NDArray[np.intp], ties: Ties
) -> Ranking:
    """Rank as three groups: nearer than the partner, tied with it, farther; rules for ties move the tied."""
    queries, pool = distance_qN.shape
    own_q1 = distance_qN[np.arange(queries), partner_q][:, None]
    nearer_q, tied_q = (distance_qN < own_q1).sum(axis=1), (distance_qN == own_q1).sum(axis=1)
    if ties != "expected":
        before_qN = np.arange(pool) < partner_q[:, None]
        earlier_q = {
            "optimistic": np.zeros_like(tied_q),
            "pessimistic": tied_q - 1,
            "by_id": ((distance_qN == own_q1) & before_qN).sum(axis=1),
        }[ties]
        nearer_q, tied_q = nearer_q + earlier_q, np.ones_like(tied_q)
    items_q3 = np.stack([nearer_q, tied_q, pool - nearer_q - tied_q], axis=1).astype(np.float64)
    relevant_q3 = np.zeros_like(items_q3)
    relevant_q3[:, 1] = 1
    grades_q2 = np.tile(np.array([pool - 1, 1]), (queries, 1))
    return Ranking(items_q3, relevant_q3, relevant_q3, grades_q2)
