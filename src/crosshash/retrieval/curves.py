"""Precision and recall by Hamming radius; ties need no rule here, a radius takes a distance as a whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking import Ranking


def radius_sums(by_distance: Ranking) -> NDArray[np.float64]:
    """Sum over queries, for each radius: recall, precision, queries that find anything, items: float64[4, D].

    by_distance: one group per distance; every query has a relevant item. Recall is hits / relevant items,
    precision is hits / items found.
    """
    items, hits = np.cumsum(by_distance.items, axis=1), np.cumsum(by_distance.relevant, axis=1)
    recall = hits / hits[:, -1:]
    precision = np.divide(hits, items, out=np.zeros_like(hits), where=items > 0)
    return np.stack([part.sum(axis=0) for part in (recall, precision, items > 0, items)])


def radius_curve(sums: NDArray[np.float64], queries: int) -> NDArray[np.float64]:
    """Give recall (mean over all queries) and precision (mean over those that find anything): float64[M, 2].

    One row per radius at which any query finds a new item, from the smallest radius on.
    """
    recall, precision, finding, _ = sums[:, np.diff(sums[3], prepend=0) > 0]
    return np.stack([recall / queries, precision / finding], axis=1)
