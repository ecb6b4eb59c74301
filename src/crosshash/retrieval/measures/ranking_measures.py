"""Measures of a ranking, per query; within a group of ties each is the exact mean over all orders.

Every query must have a relevant item; `crosshash.retrieval.scoring.tasks` sees to that.
Shapes: Q queries, G numbers of shared labels, N items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.tie_groups import discounts, ratio
from crosshash.retrieval.ranking.tied_ranking import Ranking

Values = NDArray[np.float64]


class Measure(Protocol):
    """A measure is a value: its parameters, its name as written in reports, and how to compute it."""

    def __call__(self, ranking: Ranking) -> Values:
        """Give the measure of each query: float64[Q]."""
        ...


@dataclass(frozen=True)
class Precision:
    """Share of relevant items among the first k, or among all where there are fewer than k."""

    k: int

    def __call__(self, ranking: Ranking) -> Values:
        """Give the precision of each query: float64[Q]."""
        return _hits(ranking, self.k) / min(self.k, ranking.size)

    def __str__(self) -> str:
        return f"P@{self.k}"


@dataclass(frozen=True)
class Recall:
    """Share of the relevant items that are among the first k."""

    k: int

    def __call__(self, ranking: Ranking) -> Values:
        """Give the recall of each query: float64[Q]."""
        return np.asarray(_hits(ranking, self.k) / ranking.all_relevant)

    def __str__(self) -> str:
        return f"recall@{self.k}"


@dataclass(frozen=True)
class PrecisionWithin:
    """Share of relevant items among those within a Hamming radius, 0 where there is none; no rule for ties.

    The ranking must have a group for each distance.
    """

    radius: int

    def __call__(self, ranking: Ranking) -> Values:
        """Give the precision of each query: float64[Q]."""
        end = self.radius + 1
        return ratio(ranking.found[:, end], ranking.edges[:, end])

    def __str__(self) -> str:
        return f"P@radius{self.radius}"


@dataclass(frozen=True)
class RecallWithin:
    """Share of the relevant items that are within a Hamming radius; otherwise as `PrecisionWithin`."""

    radius: int

    def __call__(self, ranking: Ranking) -> Values:
        """Give the recall of each query: float64[Q]."""
        return np.asarray(ranking.found[:, self.radius + 1] / ranking.all_relevant)

    def __str__(self) -> str:
        return f"recall@radius{self.radius}"


@dataclass(frozen=True)
class NDCG:
    """Discounted gain of the first k over that of the ideal order.

    Gain: number of shared labels; discount: log2(rank + 1). Jarvelin & Kekalainen, TOIS 2002.
    """

    k: int

    def __call__(self, ranking: Ranking) -> Values:
        """Give the normalised discounted gain of each query: float64[Q]."""
        falling = np.arange(ranking.grades.shape[1])[::-1]
        items_QG = ranking.grades[:, falling].astype(np.float64)
        ideal = Ranking(items_QG, items_QG * (falling > 0), items_QG * falling, ranking.grades)
        return self._gain(ranking) / self._gain(ideal)

    def _gain(self, ranking: Ranking) -> Values:
        cut = ranking.cut(self.k)
        before_Q = ranking.discounted[np.arange(len(cut.group)), cut.group]
        sums_N = discounts(ranking.size)
        inside_Q = sums_N[cut.before + cut.places] - sums_N[cut.before]
        return np.asarray(before_Q + ratio(cut.gain, cut.items) * inside_Q)

    def __str__(self) -> str:
        return f"nDCG@{self.k}"


def _hits(ranking: Ranking, k: int) -> Values:
    """Expected number of relevant items among the first k: float64[Q]."""
    cut = ranking.cut(k)
    return np.asarray(cut.found + ratio(cut.relevant, cut.items) * cut.places)
