"""Scores of sets without labels: does a query find its own partner, the other half of its pair?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hamming import distances
from crosshash.retrieval.measures.ranking_measures import Measure
from crosshash.retrieval.ranking.tied_ranking import Ranking, Ties

BLOCK = 1 << 24  # distances held at once


def partner_scores(
    query: NDArray[np.uint8], pool: NDArray[np.uint8], measures: Sequence[Measure], *, ties: Ties
) -> dict[str, NDArray[np.float64]]:
    """Score each query by its partner, the only relevant item: by measure, float64[Q].

    query: packed uint8[Q, W]; pool: packed uint8[N, W], its first Q rows are the partners in the same order.
    """
    rankings = []
    step = max(1, BLOCK // len(pool))
    for start in range(0, len(query), step):
        partner = np.arange(start, min(start + step, len(query)))
        rankings.append(_ranking(distances(query[partner], pool), partner, ties))
    return {str(measure): np.concatenate([measure(ranking) for ranking in rankings]) for measure in measures}


def _ranking(table: NDArray[np.uint16], partner: NDArray[np.intp], ties: Ties) -> Ranking:
    """Rank as three groups: nearer than the partner, tied with it, farther; rules for ties move the tied."""
    own = table[np.arange(len(table)), partner][:, None]
    nearer, tied = (table < own).sum(axis=1), (table == own).sum(axis=1)
    if ties != "expected":
        earlier = {
            "optimistic": np.zeros_like(tied),
            "pessimistic": tied - 1,
            "by_id": ((table == own) & (np.arange(table.shape[1]) < partner[:, None])).sum(axis=1),
        }[ties]
        nearer, tied = nearer + earlier, np.ones_like(tied)
    items = np.stack([nearer, tied, table.shape[1] - nearer - tied], axis=1).astype(np.float64)
    relevant = np.zeros_like(items)
    relevant[:, 1] = 1
    grades = np.tile(np.array([table.shape[1] - 1, 1]), (len(table), 1))
    return Ranking(items, relevant, relevant, grades)
