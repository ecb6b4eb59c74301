"""Flat search: all codes are gone through, by the way that is fastest here; answers do not depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING

from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.exact import Codes, Found
from crosshash.index.fast_scan import FastScan

if TYPE_CHECKING:
    from crosshash.index.lookup.looked_up import LookedUp

LEAST = 200_000  # codes: of fewer, thousands of searches do not save what loading the compiled scan takes
FEW = 1 / 8  # of the codes are wanted at most; of more, little is ruled out


@dataclass(frozen=True)
class Flat:
    """Codes uint8[N, W]; many are looked up compiled, where processor and installed packages allow it."""

    packed: Codes

    def nearest(self, queries: Codes, top: int) -> Found:
        """Find places int64[Q, top] and distances int32[Q, top], by distance, then place, on one thread.

        queries: packed uint8[Q, W]; top: at most N.
        """
        return self._way(top).nearest(queries, top)

    def best(self, queries: Reals, top: int) -> Scored:
        """Find places int64[Q, top] and scores float64[Q, top], by falling score, then place, on one thread.

        queries: float32[Q, 8 W], none all zeros. Exact where codes are looked up compiled; by FAISS's scan
        nearly always (see there).
        """
        return self._way(top).best(queries, top)

    def lay_out(self) -> None:
        """Lay the codes out now, which the first search does otherwise."""
        _ = self._way(1).blocks

    def _way(self, top: int) -> FastScan | LookedUp:
        if self._looked_up is not None and top <= FEW * len(self.packed):
            return self._looked_up
        return self._fast_scan

    @cached_property
    def _fast_scan(self) -> FastScan:
        return FastScan(self.packed)

    @cached_property
    def _looked_up(self) -> LookedUp | None:
        """The compiled look-up, where there is numba and the instruction for it."""
        if len(self.packed) < LEAST or find_spec("numba") is None:
            return None
        from crosshash.index.lookup.looked_up import LookedUp, can_look_up

        return LookedUp(self.packed) if can_look_up(self.packed.shape[1]) else None
