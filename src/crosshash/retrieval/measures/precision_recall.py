"""Precision and recall by Hamming radius, and by rank.

A radius takes a distance as a whole, so ties need no rule there. Every query has a relevant item.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.tied_ranking import Ranking

POINTS = 40  # ranks that are evenly spaced, and as many in the logarithm


def radius_sums(by_distance: Ranking) -> NDArray[np.float64]:
    """Sum over queries, for each radius: recall, precision, queries that find anything, items: float64[4, D].

    by_distance: one group per distance. Recall is hits / relevant items, precision is hits / items found.
    """
    items, hits = by_distance.edges[:, 1:], by_distance.found[:, 1:]
    recall = hits / hits[:, -1:]
    precision = np.divide(hits, items, out=np.zeros_like(hits), where=items > 0)
    return np.stack([part.sum(axis=0) for part in (recall, precision, items > 0, items)])


def radius_curve(sums: NDArray[np.float64], queries: int) -> NDArray[np.float64]:
    """Give recall (mean over all queries) and precision (mean over those that find anything): float64[M, 2].

    One row per radius at which any query finds a new item, from the smallest radius on.
    """
    recall, precision, finding, _ = sums[:, np.diff(sums[3], prepend=0) > 0]
    return np.stack([recall / queries, precision / finding], axis=1)


def curve_ranks(items: int, others: tuple[int, ...] = ()) -> NDArray[np.int64]:
    """Choose ranks from the first to the last of so many items, evenly spaced both ways, and `others`."""
    spaced = np.concatenate([np.geomspace(1, items, POINTS), np.linspace(1, items, POINTS)])
    wanted = [n for n in others if n <= items]
    return np.unique(np.concatenate([spaced.round().astype(np.int64), np.array(wanted, np.int64)]))


def rank_sums(ranking: Ranking, ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum over queries, for each rank n, of recall and precision of the first n: float64[2, n]."""
    hits = ranking.hits(ranks)
    recall = (hits / ranking.found[:, -1:]).sum(axis=0)
    return np.stack([recall, hits.sum(axis=0) / ranks])
