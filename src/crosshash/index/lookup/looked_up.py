"""Flat search by compiled look-ups: exact by both distances, ties by the place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.exact import Codes, Found
from crosshash.index.lookup.scan import best_of_all, in_blocks, sampled_rank
from crosshash.index.lookup.short_sums import FEATURES
from crosshash.retrieval.ranking.compiled import compiled

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
        own = np.array(queries, order="C")  # of what may only be read, another function would be compiled
        return nearest_of_all(self.blocks, len(self.packed), own, top, sampled_rank(self.blocks, top))

    def best(self, queries: Reals, top: int) -> Scored:
        """Find places int64[Q, top] and scores float64[Q, top], by falling score, then place, on one thread.

        queries: float32[Q, 8 W], none all zeros.
        """
        own, rank = np.array(queries, order="C"), sampled_rank(self.blocks, top)
        return best_by_tables(self.blocks, len(self.packed), own, 0.0, top, rank)


@compiled
def nearest_of_all(blocks: Codes, items: int, queries: Codes, top: int, rank: int) -> Found:
    """Find places and distances as `best_of_all` does scores: what an item loses to +-1 is its distance."""
    count, width = queries.shape
    signs = np.empty((count, 8 * width), np.float32)
    for query in range(count):
        for bit in range(8 * width):
            signs[query, bit] = 2 * ((queries[query, bit // 8] >> (7 - bit % 8)) & 1) - 1
    places, scores = best_by_tables(blocks, items, signs, 1.0, top, rank)
    distances = np.empty(scores.shape, np.int32)
    for query in range(count):
        for number in range(top):
            distances[query, number] = np.int32((8 * width - scores[query, number]) / 2)
    return places, distances


@compiled
def best_by_tables(
    blocks: Codes, items: int, queries: Reals, least_step: float, top: int, rank: int
) -> Scored:
    """Find places and scores by the queries' `compiled_tables`."""
    return best_of_all(blocks, items, queries, compiled_tables(queries), least_step, top, rank)


@compiled
def compiled_tables(queries: Reals) -> NDArray[np.float64]:
    """Give float64[Q, W, 256], `byte_tables` of float32[Q, 8 W] to the last bit."""
    count, width = queries.shape[0], queries.shape[1] // 8
    halves, tables = np.zeros((2, 16)), np.empty((count, width, 256))
    for query in range(count):
        for byte in range(width):
            for half in range(2):
                for word in range(16):
                    halves[half, word] = 0.0
                    for bit in range(4):
                        value = np.float64(queries[query, 8 * byte + 4 * half + bit])
                        halves[half, word] += value if (word >> (3 - bit)) & 1 else -value
            for value_of_byte in range(256):
                tables[query, byte, value_of_byte] = (
                    halves[0, value_of_byte >> 4] + halves[1, value_of_byte & 15]
                )
    return tables
