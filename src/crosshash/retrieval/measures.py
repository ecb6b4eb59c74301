"""Measures of a ranking, per query; within a group of ties each is the exact mean over all orders.

Ties: McSherry & Najork, "Computing information retrieval performance measures efficiently in the presence
of tied scores", ECIR 2008. A cut-off inside a group leaves it a hypergeometric number of hits.
Every query must have a relevant item; `crosshash.retrieval.evaluation` sees to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from crosshash.retrieval.ranking import Ranking

Values = NDArray[np.float64]


class Measure(Protocol):
    """A measure is a value: its parameters, its name as written in reports, and how to compute it."""

    def __call__(self, ranking: Ranking) -> Values:
        """Give the measure of each query: float64[Q]."""
        ...


@dataclass(frozen=True)
class AP:
    """Average precision: the sum of the precisions at the relevant items up to rank k (None: all), divided.

    norm: by `min`(k, relevant items in the set), or by `hits`, the relevant items up to rank k (no hit: 0).
    """

    k: int | None = None
    norm: Literal["min", "hits"] = "min"

    def __call__(self, ranking: Ranking) -> Values:
        """Give the average precision of each query: float64[Q]."""
        k = ranking.size if self.k is None else self.k
        if self.norm == "hits" and k < ranking.size:
            return _precision_per_hit(ranking.top(k), k)
        top = ranking.top(k)
        found = np.cumsum(top.relevant, axis=1) - top.relevant
        total = _precisions(top.before, found, top.items, top.relevant, _reached(top, k)).sum(axis=1)
        divisor = ranking.all_relevant if self.k is None else np.minimum(ranking.all_relevant, self.k)
        return np.asarray(total / divisor)

    def __str__(self) -> str:
        return "AP" if self.k is None else f"AP@{self.k}[{self.norm}]"


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
class NDCG:
    """Discounted gain of the first k over that of the ideal order.

    Gain: number of shared labels; discount: log2(rank + 1). Jarvelin & Kekalainen, TOIS 2002.
    """

    k: int

    def __call__(self, ranking: Ranking) -> Values:
        """Give the normalised discounted gain of each query: float64[Q]."""
        falling = np.arange(ranking.grades.shape[1])[::-1]
        items = ranking.grades[:, falling].astype(np.float64)
        ideal = Ranking(items, items * (falling > 0), items * falling, ranking.grades)
        return self._gain(ranking) / self._gain(ideal)

    def _gain(self, ranking: Ranking) -> Values:
        top = ranking.top(self.k)
        weight = np.append(0.0, np.cumsum(1 / np.log2(np.arange(min(self.k, ranking.size)) + 2.0)))
        first = np.minimum(top.before, len(weight) - 1)
        weights = weight[first + _reached(top, self.k)] - weight[first]
        return np.asarray((_ratio(top.gain, top.items) * weights).sum(axis=1))

    def __str__(self) -> str:
        return f"nDCG@{self.k}"


def _reached(top: Ranking, k: int) -> NDArray[np.int64]:
    """How many places of each group are within the first k: int64[Q, M]."""
    return np.clip(k - top.before, 0, top.items.astype(np.int64))


def _hits(ranking: Ranking, k: int) -> Values:
    """Expected number of relevant items among the first k: float64[Q]."""
    top = ranking.top(k)
    return np.asarray((_ratio(top.relevant, top.items) * _reached(top, k)).sum(axis=1))


def _precisions(
    before: NDArray[np.int64], found: Values, items: Values, relevant: Values, reached: NDArray[np.int64]
) -> Values:
    """Expected sum of the precisions at the relevant items among the first `reached` places of a tie group.

    Place i = 1, 2, ... of a group of n items, r of them relevant, holds a relevant one with probability
    r / n, and (i - 1) (r - 1) / (n - 1) more are then expected before it in the group. Its precision is the
    sum of both and of the `found` relevant items before the group, over the rank, `before` + i.
    """
    last = int((before + reached).max(initial=0))
    harmonic = np.append(0.0, np.cumsum(1 / np.arange(1.0, last + 1)))
    inverse_ranks = harmonic[before + reached] - harmonic[before]
    slope = _ratio(relevant - 1, items - 1)
    sums = (found + 1 - slope * (before + 1)) * inverse_ranks + slope * reached
    return np.asarray(_ratio(relevant, items) * sums)


def _precision_per_hit(top: Ranking, k: int) -> Values:
    """Expected ratio of the sum of precisions to the number of hits among the first k < size: float64[Q].

    At most one group is cut by rank k. Its number of hits h is hypergeometric; given h, its first places
    are a tie group of their own, with h relevant items.
    """
    whole = top.before + top.items <= k
    found = np.cumsum(top.relevant, axis=1) - top.relevant
    sums = _precisions(top.before, found, top.items, top.relevant, _reached(top, k))
    sums_whole = (sums * whole).sum(axis=1, keepdims=True)
    hits_whole = (top.relevant * whole).sum(axis=1, keepdims=True)
    cut = (~whole).argmax(axis=1)[:, None]
    is_cut = ~whole.all(axis=1, keepdims=True)
    items, relevant = (np.take_along_axis(part, cut, axis=1) * is_cut for part in (top.items, top.relevant))
    before = np.take_along_axis(top.before, cut, axis=1)
    places = (k - before) * is_cut
    hits = np.arange(int(places.max(initial=0)) + 1.0)
    sums_cut = _precisions(before, hits_whole, places.astype(np.float64), hits, places)
    ratio = _ratio(sums_whole + sums_cut, hits_whole + hits)
    return np.asarray((_hypergeometric(items, relevant, places, hits) * ratio).sum(axis=1))


def _hypergeometric(items: Values, relevant: Values, drawn: NDArray[np.int64], hits: Values) -> Values:
    """Probability of `hits` relevant ones among `drawn` of `items` that hold `relevant`: float64[Q, H]."""
    misses, irrelevant = drawn - hits, items - relevant
    possible = (hits <= relevant) & (misses >= 0) & (misses <= irrelevant)
    logs = _log_choose(relevant, hits, possible) + _log_choose(irrelevant, misses, possible)
    weights = np.where(possible, np.exp(logs - logs.max(axis=1, keepdims=True)), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _log_choose(n: Values, k: Values, possible: NDArray[np.bool_]) -> Values:
    k = np.where(possible, k, 0.0)
    logs = gammaln(n + 1) - gammaln(k + 1) - gammaln(np.where(possible, n - k, 0.0) + 1)
    return np.where(possible, logs, -np.inf)


def _ratio(a: Values, b: Values) -> Values:
    """Give a / b, and 0 where b is 0."""
    a, b = np.broadcast_arrays(a, b)
    return np.divide(a, b, out=np.zeros(b.shape), where=b != 0)
