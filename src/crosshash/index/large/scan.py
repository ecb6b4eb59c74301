"""Exact search through all codes of a mapped file, laid out for the fast scan in blocks; places are ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.exact import Codes, Found
from crosshash.index.flat import Flat

BLOCK = 1 << 24  # codes laid out at once: what that takes for a moment is small beside what stays


@dataclass(frozen=True)
class Scan:
    """Codes uint8[N, W], mapped; answers are those of `Flat`, of which each block is one."""

    packed: Codes

    @cached_property
    def flats(self) -> list[Flat]:
        """The blocks, laid out when first asked for: 2 W bytes / 2 and one more for each code."""
        flats = [Flat(self.packed[start : start + BLOCK]) for start in range(0, len(self.packed), BLOCK)]
        for flat in flats:
            flat.lay_out()
        return flats

    def nearest(self, queries: Codes, top: int) -> Found:
        """Find places int64[Q, top] and distances int32[Q, top], by distance, then place, on one thread."""
        return self._merged(lambda flat, most: flat.nearest(queries, most), top, 1)

    def best(self, queries: Reals, top: int) -> Scored:
        """Find places int64[Q, top] and scores float64[Q, top], by falling score, then place."""
        return self._merged(lambda flat, most: flat.best(queries, most), top, -1)

    def _merged(
        self, search: Callable[[Flat, int], tuple[NDArray[np.int64], NDArray[Any]]], top: int, sign: int
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Keep the best of all blocks; a place of a later block stands behind an equal one of an earlier."""
        places, costs = [], []
        for number, flat in enumerate(self.flats):
            found, values = search(flat, min(top, len(flat.packed)))
            places.append(found + number * BLOCK)
            costs.append(values)
        all_places, all_costs = np.concatenate(places, axis=1), np.concatenate(costs, axis=1)
        order = np.argsort(sign * all_costs, axis=1, kind="stable")[:, :top]
        return np.take_along_axis(all_places, order, axis=1), np.take_along_axis(all_costs, order, axis=1)
