"""Exact means over all orders of a group of ties: sums of precisions, of whole groups and of those cut off.

Source: McSherry & Najork, "Computing information retrieval performance measures efficiently in the presence
of tied scores", ECIR 2008; for groups that are cut, docs/protocol.md derives what is summed here.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

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


@njit(nogil=True)
def _precisions(
    sums: Values, before: int, found: float, items: float, relevant: float, places: float
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
    inverse_ranks = sums[before + int(places)] - sums[before]
    total: float = (found + 1.0 - slope * (before + 1.0)) * inverse_ranks + slope * places
    return relevant / items * total


@njit(nogil=True)
def precisions_before(sums: Values, items: Values, relevant: Values) -> Values:
    """Expected sum of the precisions before each of M groups, and of all: float64[Q, M + 1]."""
    queries, groups = items.shape
    earlier = np.zeros((queries, groups + 1))
    for q in range(queries):
        before, found = 0, 0.0
        for group in range(groups):
            n, r = items[q, group], relevant[q, group]
            earlier[q, group + 1] = earlier[q, group] + _precisions(sums, before, found, n, r, n)
            before, found = before + int(n), found + r
    return earlier


@njit(nogil=True)
def precisions_inside(
    sums: Values, before: Places, found: Values, items: Values, relevant: Values, places: Places
) -> Values:
    """Expected sum of the precisions among the first `places` of one group of each query: float64[Q]."""
    inside = np.zeros(len(before))
    for q in range(len(before)):
        inside[q] = _precisions(sums, before[q], found[q], items[q], relevant[q], float(places[q]))
    return inside


@njit(nogil=True)
def precision_per_hit(
    sums: Values,
    earlier: Values,
    before: Places,
    found: Values,
    items: Values,
    relevant: Values,
    places: Places,
) -> Values:
    """Expected mean of the precisions at the hits, for rankings that end in a group cut off: float64[Q].

    earlier: sum of the precisions before that group; places: those of it that count. Its number of hits h is
    hypergeometric; given h, the places that count are a group of their own, with h relevant items. Weights
    are multiplied up and down from the most probable h. Without any hit: 0.
    """
    means = np.zeros(len(before))
    for q in range(len(before)):
        n, r, m, f = items[q], relevant[q], float(places[q]), found[q]
        low, high = max(0.0, m - (n - r)), min(m, r)
        start = min(max(np.floor((m + 1.0) * (r + 1.0) / (n + 2.0)), low), high)
        weights, total = 0.0, 0.0
        h, weight = start, 1.0
        while h <= high and weight > NEGLIGIBLE:
            if f + h > 0.0:
                total += weight * (earlier[q] + _precisions(sums, before[q], f, m, h, m)) / (f + h)
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
                total += weight * (earlier[q] + _precisions(sums, before[q], f, m, h, m)) / (f + h)
            weights += weight
        means[q] = total / weights
    return means


@njit(nogil=True)
def precisions_of_first(
    sums: Values, before: Places, found: Values, items: Values, relevant: Values, wanted: Values
) -> Values:
    """Expected sum of the precisions at the first `wanted` relevant items of each group: float64[Q].

    wanted: float64[Q], from 0 to below `relevant`. The place x of the last of them has a negative
    hypergeometric distribution; given x, the x - 1 places before it are a group of their own, with
    wanted - 1 relevant items. Weights are multiplied up and down from the most probable x.
    """
    expected = np.zeros(len(before))
    for q in range(len(before)):
        n, r, j, f = items[q], relevant[q], wanted[q], found[q]
        if j == 0.0:
            continue
        low, high = j, n - r + j
        start = min(max(np.floor((j - 1.0) * n / (r - 1.0)) + 1.0, low), high)
        weights, total = 0.0, 0.0
        x, weight = start, 1.0
        while x <= high and weight > NEGLIGIBLE:
            last = (f + j) / (before[q] + x)
            total += weight * (_precisions(sums, before[q], f, x - 1.0, j - 1.0, x - 1.0) + last)
            weights += weight
            weight *= x * (n - x - r + j) / ((x - j + 1.0) * (n - x))
            x += 1.0
        x, weight = start, 1.0
        while x > low:
            weight *= (x - j) * (n - x + 1.0) / ((x - 1.0) * (n - x + 1.0 - r + j))
            x -= 1.0
            if weight <= NEGLIGIBLE:
                break
            last = (f + j) / (before[q] + x)
            total += weight * (_precisions(sums, before[q], f, x - 1.0, j - 1.0, x - 1.0) + last)
            weights += weight
        expected[q] = total / weights
    return expected
