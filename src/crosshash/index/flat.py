"""Flat search: all codes are gone through, by the way that is fastest here, which changes no distance."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.exact import Codes, Found
from crosshash.index.fast_scan import FastScan

if TYPE_CHECKING:
    from crosshash.index.lookup.looked_up import LookedUp

LEAST = 200_000  # codes: of fewer, thousands of searches do not save what loading the compiled scan takes


@dataclass(frozen=True)
class Flat:
    """Codes uint8[N, W]; many are looked up compiled, where processor and installed packages allow it."""

    packed: Codes

    def nearest(self, queries: Codes, top: int) -> Found:
        """Find places int64[Q, top] and distances int32[Q, top], by distance, then place, on one thread.

        queries: packed uint8[Q, W]; top: at most N.
        """
        return self._way.nearest(queries, top)

    def best(self, queries: Reals, top: int) -> Scored:
        """Find places int64[Q, top] and scores float64[Q, top], by falling score, then place, on one thread.

        queries: float32[Q, 8 W], none all zeros. Exact where codes are looked up compiled; by FAISS's scan
        nearly always (see there).
        """
        return self._way.best(queries, top)

    def lay_out(self) -> None:
        """Lay the codes out now, which the first search does otherwise."""
        _ = self._way.blocks

    @cached_property
    def _way(self) -> FastScan | LookedUp:
        """The compiled look-up, where there is a numba that works here and the instruction for it."""
        if len(self.packed) >= LEAST:
            with suppress(ImportError):  # no numba, or one that does not go with what is installed beside it
                from crosshash.index.lookup.looked_up import LookedUp, can_look_up

                if can_look_up(self.packed.shape[1]):
                    return LookedUp(self.packed)
        return FastScan(self.packed)
