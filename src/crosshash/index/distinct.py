"""Flat search where many codes are equal, as those of a trained model are: different codes are met once.

A code is met under the first place that has it. Of the `top` best items, none has a code that is not among
the `top` best different ones by (distance, first place): each code before it stands for an item before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hamming import words
from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.exact import Codes, Found, Rows
from crosshash.index.flat import Flat

MOST = 3 / 4  # share of different codes; above it, too little is saved
MIXED = np.uint64(0x9E3779B97F4A7C15)  # odd: words of long codes are mixed by it into a key

T = TypeVar("T", np.int32, np.float64)


@dataclass(frozen=True)
class Distinct:
    """Different codes by the first of their places, and the places of all items.

    places: int32[N] or int64[N], those of a code side by side, rising; starts, sizes: int64[U] of each code.
    """

    flat: Flat
    places: NDArray[np.integer]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def nearest(self, queries: Codes, top: int) -> Found:
        """Find places int64[Q, top] and distances int32[Q, top] as `Flat.nearest` does."""
        codes, distances = self.flat.nearest(queries, min(top, len(self.sizes)))
        return self._items(codes, distances, top)

    def best(self, queries: Reals, top: int) -> Scored:
        """Find places int64[Q, top] and scores float64[Q, top] as `Flat.best` does."""
        codes, scores = self.flat.best(queries, min(top, len(self.sizes)))
        places, costs = self._items(codes, -scores, top)
        return places, -costs

    def _items(self, codes: Rows, costs: NDArray[T], top: int) -> tuple[Rows, NDArray[T]]:
        """Give the items of different codes int64[Q, C] with rising costs [Q, C], by cost, then place."""
        found = np.empty((len(codes), top), np.int64), np.empty((len(codes), top), costs.dtype)
        for query, (near, cost) in enumerate(zip(codes, costs, strict=True)):
            sizes = np.minimum(self.sizes[near], top)
            last = cost[np.searchsorted(np.cumsum(sizes), top)]
            first, count = np.searchsorted(cost, last), np.searchsorted(cost, last, side="right")
            sizes = sizes[:count]
            starts = np.cumsum(sizes) - sizes
            places = self.places[
                np.repeat(self.starts[near[:count]] - starts, sizes) + np.arange(sizes.sum())
            ]
            before = starts[first]
            places[before:].partition(top - before - 1)  # of those at the last cost, the first are enough
            places, each = places[:top], np.repeat(cost[:count], sizes)[:top]
            order = np.lexsort((places, each))
            found[0][query], found[1][query] = places[order], each[order]
        return found


def flat_or_distinct(packed: Codes) -> Flat | Distinct:
    """Lay codes uint8[N, W] out for exact search, equal ones once where that saves enough."""
    keys = _keys(packed)
    if _different(keys) > MOST * len(packed):
        return Flat(packed)
    order, starts = _groups(keys, packed)
    firsts = order[starts]
    rank = np.argsort(firsts)
    sizes = np.diff(starts, append=len(order))[rank]
    ends = np.cumsum(sizes)
    order = order[np.repeat(starts[rank] - ends + sizes, sizes) + np.arange(len(order))]
    small = len(order) < np.iinfo(np.int32).max
    places = order.astype(np.int32) if small else order
    return Distinct(Flat(packed[firsts[rank]]), places, ends - sizes, sizes)


def _keys(packed: Codes) -> NDArray[np.uint64]:
    """Give equal codes an equal key, uint64[N]; of more than 64 bits, different ones may share one too."""
    keys: NDArray[np.uint64] = np.zeros(len(packed), np.uint64)
    for word in words(packed):
        keys = keys * MIXED + word
    return keys


def _different(keys: NDArray[np.uint64]) -> int:
    """Count the different keys; sorting numbers takes a tenth of sorting places by them."""
    ordered = np.sort(keys)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + (len(keys) > 0)


def _groups(keys: NDArray[np.uint64], packed: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bring equal codes side by side: places int64[N], rising within a code, and where each code starts.

    Where different codes share a key, a code can come in several parts, which harms nothing.
    """
    order = np.argsort(keys, kind="stable")
    differs = np.zeros(len(order), np.bool_)
    for column in packed.T:
        column = column[order]
        differs[1:] |= column[1:] != column[:-1]
    differs[:1] = True
    return order, np.flatnonzero(differs)
