"""Flat search by compiled look-ups: exact by both distances, ties by the place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crosshash.codes.byte_tables import byte_tables
from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.exact import Codes, Found
from crosshash.index.lookup.scan import best_of_all, in_blocks
from crosshash.index.lookup.short_sums import FEATURES

LONGEST = 32  # bytes: of longer codes, rounded sums rule out too little


def can_look_up(width: int) -> bool:
    """Say whether the instruction is there, as on all newer x86, and codes of so many bytes gain."""
    return "+avx2" in FEATURES and width <= LONGEST


@dataclass(frozen=True)
class LookedUp:
    """Codes uint8[N, W], laid out when first asked for: W bytes a code once more."""

    packed: Codes

    @cached_property
    def blocks(self) -> Codes:
        """The codes, uint8[B, W, LANES]."""
        return in_blocks(self.packed)

    def nearest(self, queries: Codes, top: int) -> Found:
        """Find places int64[Q, top] and distances int32[Q, top], by distance, then place, on one thread.

        queries: packed uint8[Q, W]; top: at most N.
        """
        # What an item loses against a +-1 query is its distance.
        signs = 2 * np.unpackbits(queries, axis=1).astype(np.float32) - 1
        places, scores = self._best(signs, top, least_step=1.0)
        return places, np.rint((signs.shape[1] - scores) / 2).astype(np.int32)

    def best(self, queries: Reals, top: int) -> Scored:
        """Find places int64[Q, top] and scores float64[Q, top], by falling score, then place, on one thread.

        queries: float32[Q, 8 W], none all zeros.
        """
        return self._best(queries, top)

    def _best(self, queries: Reals, top: int, least_step: float = 0.0) -> Scored:
        return best_of_all(self.blocks, len(self.packed), queries, byte_tables(queries), top, least_step)
