"""What can be said about a set of hash centres: distances, and bits that carry nothing new."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.centers.bounds import best_known_distance

Words = NDArray[np.int8]

BLOCK = 2048


def pair_statistics(words: Words) -> tuple[int | None, int]:
    """Give the minimum distance of words int8[C, K] (None for one word) and the number of antipodal pairs."""
    count, bits = words.shape
    signs = words.astype(np.float32)
    highest, antipodal = -bits, 0
    for start in range(0, count, BLOCK):
        block = signs[start : start + BLOCK]
        for other in range(start, count, BLOCK):
            products = block @ signs[other : other + BLOCK].T
            if other == start:
                products = products[np.tri(len(block), k=-1, dtype=bool)]
            if products.size:
                highest = max(highest, int(products.max()))
                antipodal += int((products == -bits).sum())
    return ((bits - highest) // 2 if count > 1 else None), antipodal


def mean_distance(words: Words) -> float:
    """Average the distance of all pairs; 0 for one word."""
    count = len(words)
    ones = (words > 0).sum(axis=0, dtype=np.int64)
    return float((ones * (count - ones)).sum() / max(1, count * (count - 1) // 2))


def constant_columns(words: Words) -> int:
    """Count the bits that are equal for all words; with one word, that is every bit."""
    return int((words == words[0]).all(axis=0).sum())


def distinct_columns(words: Words) -> int:
    """Count the different ways in which the bits split the classes; a bit and its negative split alike."""
    packed = np.packbits((words == words[0]).T, axis=1)
    return len(np.unique(packed, axis=0))


def describe(words: Words, construction: str) -> dict[str, Any]:
    """Collect the figures for artifacts/centers/statistics.json."""
    count, bits = words.shape
    distance, antipodal = pair_statistics(words)
    best_known, bound = best_known_distance(count, bits)
    return {
        "bits": bits,
        "classes": count,
        "construction": construction,
        "min_distance": distance,
        "mean_distance": round(mean_distance(words), 4),
        "best_known": best_known,
        "bound": bound,
        "distinct_columns": distinct_columns(words),
        "constant_columns": constant_columns(words),
        "antipodal_pairs": antipodal,
    }
