"""Average precision in the four conventions that are in print.

Shapes: Q queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.tie_groups import (
    harmonic,
    precision_per_hit,
    precisions_inside,
    precisions_of_first,
)
from crosshash.retrieval.ranking.tied_ranking import Cut, Ranking

Norm = Literal["min", "hits", "all", "first"]
NORMS: tuple[Norm, ...] = ("min", "hits", "all", "first")


@dataclass(frozen=True)
class AP:
    """Average precision: the sum of the precisions at the relevant items up to rank k (None: all), divided.

    norm: by `min`(k, relevant items in the set); by `hits`, the relevant items up to rank k (no hit: 0); by
    `all` relevant items. `first` is another sum: over the first k relevant items at whatever rank, divided by
    their number; code released with TwDH and DCMHT calls it mAP@k.
    """

    k: int | None = None
    norm: Norm = "min"

    def __call__(self, ranking: Ranking) -> NDArray[np.float64]:
        """Give the average precision of each query: float64[Q]."""
        relevant_Q = ranking.all_relevant
        if self.k is None or self.k >= ranking.size:  # nothing is cut off: all conventions are one
            return np.asarray(ranking.precisions[:, -1] / relevant_Q)
        if self.norm == "first":
            return np.asarray(_first_sums(ranking, self.k) / np.minimum(self.k, relevant_Q))
        cut = ranking.cut(self.k)
        if self.norm == "hits":
            return _per_hit(ranking, cut)
        inside_Q = precisions_inside(
            harmonic(ranking.size), cut.before, cut.found, cut.items, cut.relevant, cut.places
        )
        divisor_Q = relevant_Q if self.norm == "all" else np.minimum(self.k, relevant_Q)
        return np.asarray((_before(ranking, cut.group) + inside_Q) / divisor_Q)

    def __str__(self) -> str:
        return "AP" if self.k is None else f"AP@{self.k}[{self.norm}]"


def _per_hit(ranking: Ranking, cut: Cut) -> NDArray[np.float64]:
    return np.asarray(
        precision_per_hit(
            harmonic(ranking.size),
            _before(ranking, cut.group),
            cut.before,
            cut.found,
            cut.items,
            cut.relevant,
            cut.places,
        )
    )


def _first_sums(ranking: Ranking, k: int) -> NDArray[np.float64]:
    """Expected sum of the precisions at the first k relevant items, or at all where there are fewer."""
    cut = ranking.cut_before((ranking.found[:, 1:] <= k).sum(axis=1), 0)
    complete_Q = cut.group == ranking.items.shape[1]
    wanted_Q = np.where(complete_Q, 0.0, k - cut.found)
    inside_Q = precisions_of_first(
        harmonic(ranking.size), cut.before, cut.found, cut.items, cut.relevant, wanted_Q
    )
    return np.asarray(_before(ranking, cut.group) + inside_Q)


def _before(ranking: Ranking, group_Q: NDArray[np.integer]) -> NDArray[np.float64]:
    """Expected sum of the precisions before a group of each query: float64[Q]."""
    return np.asarray(ranking.precisions[np.arange(len(group_Q)), group_Q])
