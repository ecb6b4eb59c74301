"""Exact means over all orders of a group of ties: sums of precisions, of whole groups and of those cut off.

Source: McSherry & Najork, "Computing information retrieval performance measures efficiently in the presence
of tied scores", ECIR 2008; for groups that are cut, docs/protocol.md derives what is summed here.
Shapes: Q queries, M groups of equal distance, N ranks; what a loop takes out of them are plain numbers.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.compiled import compiled

Values = NDArray[np.float64]
Places = NDArray[np.int64]

NEGLIGIBLE = 1e-20  # of the weight of the most probable outcome


@lru_cache(maxsize=8)
def harmonic(last: int) -> Values:
    """Give 0, 1, 1 + 1/2, ... up to the sum of the first `last` inverse ranks: float64[last + 1]."""
    return np.append(0.0, np.cumsum(1 / np.arange(1.0, last + 1)))


@lru_cache(maxsize=8)
def discounts(last: int) -> Values:
    """Give the sums of 1 / log2(rank + 1) over the first 0, 1, ..., `last` ranks: float64[last + 1]."""
    return np.append(0.0, np.cumsum(1 / np.log2(np.arange(2.0, last + 2))))


def ratio(a: Values | Places, b: Values | Places) -> Values:
    """Give a / b, and 0 where b is 0."""
    a, b = np.broadcast_arrays(a, b)
    return np.divide(a, b, out=np.zeros(b.shape), where=b != 0)


@compiled
def precisions_of_group(
    sums_N: Values, before: int, found: float, items: float, relevant: float, places: float
) -> float:
    """Expected sum of the precisions at the relevant items among the first `places` of one group.

    Place i = 1, 2, ... of a group of n items, r of them relevant, holds a relevant one with probability
    r / n, and (i - 1) (r - 1) / (n - 1) more are then expected before it in the group. Its precision is the
    sum of both and of the `found` relevant items before the group, over the rank, `before` + i; sums: the
    harmonic ones.
    """
    if relevant == 0.0:
        return 0.0
    slope = (relevant - 1.0) / (items - 1.0) if items > 1.0 else 0.0
    inverse_ranks = sums_N[before + int(places)] - sums_N[before]
    total: float = (found + 1.0 - slope * (before + 1.0)) * inverse_ranks + slope * places
    return relevant / items * total


@compiled
def precisions_before(sums_N: Values, items_QM: Values, relevant_QM: Values) -> Values:
    """Expected sum of the precisions before each of M groups, and of all: float64[Q, M + 1]."""
    queries, groups = items_QM.shape
    earlier = np.zeros((queries, groups + 1))
    for q in range(queries):
        before, found = 0, 0.0
        for group in range(groups):
            n, r = items_QM[q, group], relevant_QM[q, group]
            earlier[q, group + 1] = earlier[q, group] + precisions_of_group(sums_N, before, found, n, r, n)
            before, found = before + int(n), found + r
    return earlier


@compiled
def gains_before(sums_N: Values, items_QM: Values, gain_QM: Values) -> Values:
    """Expected discounted gain of the groups before each of M, and of all: float64[Q, M + 1].

    sums: those of `discounts`.
    """
    queries, groups = items_QM.shape
    earlier = np.zeros((queries, groups + 1))
    for q in range(queries):
        before, total = 0, 0.0
        for group in range(groups):
            n = items_QM[q, group]
            if n > 0.0:
                after = before + int(n)
                total += gain_QM[q, group] / n * (sums_N[after] - sums_N[before])
                before = after
            earlier[q, group + 1] = total
    return earlier


@compiled
def precisions_inside(
    sums_N: Values, before_Q: Places, found_Q: Values, items_Q: Values, relevant_Q: Values, places_Q: Places
) -> Values:
    """Expected sum of the precisions among the first `places` of one group of each query: float64[Q]."""
    inside_Q = np.zeros(len(before_Q))
    for q in range(len(before_Q)):
        n, r, places = items_Q[q], relevant_Q[q], float(places_Q[q])
        inside_Q[q] = precisions_of_group(sums_N, before_Q[q], found_Q[q], n, r, places)
    return inside_Q


@compiled
def precision_per_hit(
    sums_N: Values,
    earlier_Q: Values,
    before_Q: Places,
    found_Q: Values,
    items_Q: Values,
    relevant_Q: Values,
    places_Q: Places,
) -> Values:
    """Expected mean of the precisions at the hits, for rankings that end in a group cut off: float64[Q].

    earlier: sum of the precisions before that group; places: those of it that count. Its number of hits h is
    hypergeometric; given h, the places that count are a group of their own, with h relevant items. Weights
    are multiplied up and down from the most probable h. Without any hit: 0.
    """
    means_Q = np.zeros(len(before_Q))
    for q in range(len(before_Q)):
        n, r, m, f, before = items_Q[q], relevant_Q[q], float(places_Q[q]), found_Q[q], before_Q[q]
        low, high = max(0.0, m - (n - r)), min(m, r)
        start = min(max(np.floor((m + 1.0) * (r + 1.0) / (n + 2.0)), low), high)
        weights, total = 0.0, 0.0
        h, weight = start, 1.0
        while h <= high and weight > NEGLIGIBLE:
            if f + h > 0.0:
                total += weight * (earlier_Q[q] + precisions_of_group(sums_N, before, f, m, h, m)) / (f + h)
            weights += weight
            weight *= (r - h) * (m - h) / ((h + 1.0) * (n - r - m + h + 1.0))
            h += 1.0
        h, weight = start, 1.0
        while h > low:
            weight *= h * (n - r - m + h) / ((r - h + 1.0) * (m - h + 1.0))
            h -= 1.0
            if weight <= NEGLIGIBLE:
                break
            if f + h > 0.0:
                total += weight * (earlier_Q[q] + precisions_of_group(sums_N, before, f, m, h, m)) / (f + h)
            weights += weight
        means_Q[q] = total / weights
    return means_Q


@compiled
def precisions_of_first(
    sums_N: Values, before_Q: Places, found_Q: Values, items_Q: Values, relevant_Q: Values, wanted_Q: Values
) -> Values:
    """Expected sum of the precisions at the first `wanted` relevant items of each group: float64[Q].

    wanted: from 0 to below `relevant`. The place x of the last of them has a negative
    hypergeometric distribution; given x, the x - 1 places before it are a group of their own, with
    wanted - 1 relevant items. Weights are multiplied up and down from the most probable x.
    """
    expected_Q = np.zeros(len(before_Q))
    for q in range(len(before_Q)):
        n, r, j, f, before = items_Q[q], relevant_Q[q], wanted_Q[q], found_Q[q], before_Q[q]
        if j == 0.0:
            continue
        low, high = j, n - r + j
        start = min(max(np.floor((j - 1.0) * n / (r - 1.0)) + 1.0, low), high)
        weights, total = 0.0, 0.0
        x, weight = start, 1.0
        while x <= high and weight > NEGLIGIBLE:
            last = (f + j) / (before + x)
            total += weight * (precisions_of_group(sums_N, before, f, x - 1.0, j - 1.0, x - 1.0) + last)
            weights += weight
            weight *= x * (n - x - r + j) / ((x - j + 1.0) * (n - x))
            x += 1.0
        x, weight = start, 1.0
        while x > low:
            weight *= (x - j) * (n - x + 1.0) / ((x - 1.0) * (n - x + 1.0 - r + j))
            x -= 1.0
            if weight <= NEGLIGIBLE:
                break
            last = (f + j) / (before + x)
            total += weight * (precisions_of_group(sums_N, before, f, x - 1.0, j - 1.0, x - 1.0) + last)
            weights += weight
        expected_Q[q] = total / weights
    return expected_Q
