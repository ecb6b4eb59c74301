"""A stable sort of scored items that is linear in their number: by the bits of the scores, 11 at a time.

An item is one word: its score as a whole number in the low 32 bits, higher scores being lower numbers, above
them whether it is relevant, then its Hamming distance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.compiled import compiled

Items = NDArray[np.uint64]
DIGIT = 11
PASSES = 3  # 11 bits each: 32
MARK, DISTANCE = np.uint64(32), np.uint64(33)
SCORE = np.uint64(0xFFFFFFFF)
SIGN = np.uint64(0x80000000)


@compiled
def falling_keys(scores_N: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Turn scores into whole numbers that are in the reverse order, equal ones where scores are: uint32[N].

    The bits of a float are in the order of the numbers, of negative ones in the reverse.
    """
    keys_N = np.empty(len(scores_N), np.uint32)
    bits_N = (np.float32(0.0) - scores_N).view(np.uint32)  # zero less zero is +0.0, whichever zero it was
    for j in range(len(bits_N)):
        bits = bits_N[j]
        keys_N[j] = ~bits if bits >> np.uint32(31) else bits | np.uint32(SIGN)
    return keys_N


@compiled
def nearest_items(
    distances_N: NDArray[np.uint16], scores_N: NDArray[np.float32], relevant_N: NDArray[np.bool_]
) -> Items:
    """Make items of their scores, relevance and distances, in the order of (distance, row)."""
    keys_N, items_N = falling_keys(scores_N), np.empty(len(scores_N), np.uint64)
    place_D = np.zeros(np.int64(distances_N.max()) + 2, np.int64)
    for distance in distances_N:
        place_D[distance + 1] += 1
    place_D = np.cumsum(place_D)
    for j in range(len(items_N)):
        distance = np.uint64(distances_N[j])
        items_N[place_D[np.int64(distance)]] = (
            np.uint64(keys_N[j]) | np.uint64(relevant_N[j]) << MARK | distance << DISTANCE
        )
        place_D[np.int64(distance)] += 1
    return items_N


@compiled
def sort_items(items_N: Items) -> Items:
    """Sort by score, equal ones stay in their order: a new array.

    A pass in which all items have one digit is left out.
    """
    now, other = items_N.copy(), np.empty_like(items_N)
    places = np.zeros((PASSES, 1 << DIGIT), np.int64)
    low = np.uint64((1 << DIGIT) - 1)
    for item in now:
        for p in range(PASSES):
            places[p, np.int64((item & SCORE) >> np.uint64(DIGIT * p) & low)] += 1
    for p in range(PASSES):
        if places[p].max() == len(now):
            continue
        before = np.int64(0)
        for digit in range(1 << DIGIT):
            number = places[p, digit]
            places[p, digit] = before
            before += number
        shift, places_D = np.uint64(DIGIT * p), places[p]
        for item in now:
            digit = np.int64((item & SCORE) >> shift & low)
            other[places_D[digit]] = item
            places_D[digit] += 1
        now, other = other, now
    return now
