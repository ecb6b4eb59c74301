"""Codes that lie around others, as those of a trained model do; and search by loops over all pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Found = tuple[list[list[int]], list[list[int]]]


def clustered(
    seed: int, items: int, bits: int = 64, centers: int = 40, flipped: float = 0.08
) -> NDArray[np.uint8]:
    """Packed codes uint8[N, bits / 8]; `seed` draws items, the centres are always the same."""
    generator = np.random.default_rng(seed)
    signs = np.random.default_rng(99).integers(0, 2, (centers, bits))[generator.integers(centers, size=items)]
    return np.packbits(signs ^ (generator.random((items, bits)) < flipped), axis=1)


def groups(seed: int, items: int, bits: int = 32, count: int = 8) -> NDArray[np.uint8]:
    """Packed codes uint8[N, bits / 8] in so many groups of equal ones; the groups are always the same."""
    codes = np.random.default_rng(98).integers(0, 256, (count, bits // 8), np.uint8)
    return codes[np.random.default_rng(seed).integers(count, size=items)]


def by_loops(query: NDArray[np.uint8], codes: NDArray[np.uint8], rows: NDArray[np.int64], top: int) -> Found:
    """All pairs, sorted by distance, then row."""
    found, distances = [], []
    for q in query:
        pairs = sorted(
            (int(np.unpackbits(q ^ code).sum()), int(row)) for code, row in zip(codes, rows, strict=True)
        )
        distances.append([d for d, _ in pairs[:top]])
        found.append([row for _, row in pairs[:top]])
    return found, distances
