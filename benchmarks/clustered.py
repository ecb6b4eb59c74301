"""Codes and real-valued queries around prototypes, as those of a trained model are around what is alike."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from crosshash.seeding import stream

BITS, PROTOTYPES, FLIPPED = 64, 1_000, 0.1
BLOCK = 1 << 16


def clustered_codes(
    name: str, items: int, flipped: float = FLIPPED, prototypes_of: int = PROTOTYPES, bits: int = BITS
) -> NDArray[np.uint8]:
    """Flip bits of prototypes: packed uint8[N, bits / 8]."""
    prototypes, generator = _prototypes(prototypes_of, bits), stream(0, "benchmark", "search", name)
    packed = np.empty((items, bits // 8), np.uint8)
    for start in range(0, items, BLOCK):
        block = packed[start : start + BLOCK]
        near = prototypes[generator.integers(prototypes_of, size=len(block))]
        block[:] = np.packbits(near ^ (generator.random(near.shape, np.float32) < flipped), axis=1)
    return packed


def clustered_reals(name: str, count: int, bits: int = BITS) -> NDArray[np.float32]:
    """Add noise to the signs of prototypes, so much that FLIPPED of them change: float32[Q, bits]."""
    generator = stream(0, "benchmark", "search", "real", name)
    near = 2.0 * _prototypes(PROTOTYPES, bits)[generator.integers(PROTOTYPES, size=count)] - 1
    noise = generator.standard_normal((count, bits)) / NormalDist().inv_cdf(1 - FLIPPED)
    return (near + noise).astype(np.float32)


def _prototypes(count: int, bits: int) -> NDArray[np.uint8]:
    return stream(0, "benchmark", "search").integers(0, 2, (count, bits), np.uint8)
