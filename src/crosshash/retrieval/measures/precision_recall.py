"""Precision and recall by Hamming radius, and by rank.

A radius takes a distance as a whole, so ties need no rule there. Every query has a relevant item.
Shapes: Q queries, D distances, n ranks that are asked for.
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
    items_QD, hits_QD = by_distance.edges[:, 1:], by_distance.found[:, 1:]
    recall_QD = hits_QD / hits_QD[:, -1:]
    precision_QD = np.divide(hits_QD, items_QD, out=np.zeros_like(hits_QD), where=items_QD > 0)
    return np.stack([part_QD.sum(axis=0) for part_QD in (recall_QD, precision_QD, items_QD > 0, items_QD)])


def radius_curve(sums_4D: NDArray[np.float64], queries: int) -> NDArray[np.float64]:
    """Give recall (mean over all queries) and precision (mean over those that find anything): float64[M, 2].

    M: one row per radius at which any query finds a new item, from the smallest radius on.
    """
    recall_M, precision_M, finding_M, _ = sums_4D[:, np.diff(sums_4D[3], prepend=0) > 0]
    return np.stack([recall_M / queries, precision_M / finding_M], axis=1)


def curve_ranks(items: int, others: tuple[int, ...] = ()) -> NDArray[np.int64]:
    """Choose ranks from the first to the last of so many items, evenly spaced both ways, and `others`."""
    spaced = np.concatenate([np.geomspace(1, items, POINTS), np.linspace(1, items, POINTS)])
    wanted = [n for n in others if n <= items]
    return np.unique(np.concatenate([spaced.round().astype(np.int64), np.array(wanted, np.int64)]))


def rank_sums(ranking: Ranking, ranks_n: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum over queries, for each rank n, of recall and precision of the first n: float64[2, n]."""
    hits_Qn = ranking.hits(ranks_n)
    recall_n = (hits_Qn / ranking.found[:, -1:]).sum(axis=0)
    return np.stack([recall_n, hits_Qn.sum(axis=0) / ranks_n])
