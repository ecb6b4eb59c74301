"""A stable sort of scored items that is linear in their number: by the bits of the scores, 11 at a time.

An item is one word: its score as a whole number in the low 32 bits, higher scores being lower numbers, above
them whether it is relevant, then its Hamming distance.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.compiled import compiled

Items = NDArray[np.uint64]
Keys = TypeVar("Keys", NDArray[np.uint64], NDArray[np.uint32])
DIGIT = 11
MARK, DISTANCE = np.uint64(32), np.uint64(33)
SCORE = np.uint64(0xFFFFFFFF)
DIGITS = np.uint64((1 << DIGIT) - 1)
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
        item = np.uint64(keys_N[j]) | np.uint64(relevant_N[j]) << MARK | distance << DISTANCE
        items_N[np.uint64(place_D[distance])] = item
        place_D[distance] += 1
    return items_N


@compiled
def sort_items(items_N: Keys) -> Keys:
    """Sort by score, equal ones stay in their order: a new array.

    items: or keys alone, uint32. A pass in which all have one digit is left out. numpy took seven
    times as long for 400,000 keys on an AMD EPYC.
    """
    now, other = items_N.copy(), np.empty_like(items_N)
    low, middle = np.zeros(1 << DIGIT, np.uint32), np.zeros(1 << DIGIT, np.uint32)
    high = np.zeros(1 << DIGIT, np.uint32)
    for item in now:
        low[item & DIGITS] += np.uint32(1)
        middle[item >> np.uint64(DIGIT) & DIGITS] += np.uint32(1)
        high[(item & SCORE) >> np.uint64(2 * DIGIT)] += np.uint32(1)
    for shift, places_D in ((np.uint64(0), low), (np.uint64(DIGIT), middle), (np.uint64(2 * DIGIT), high)):
        if places_D.max() == len(now):
            continue
        before = np.uint32(0)
        for digit in range(1 << DIGIT):
            number = places_D[digit]
            places_D[digit] = before
            before += number
        for item in now:
            digit_of = (item & SCORE) >> shift & DIGITS
            place = np.uint64(places_D[digit_of])
            other[place] = item
            places_D[digit_of] = np.uint32(place + np.uint64(1))
        now, other = other, now
    return now


@compiled
def keys_of(items_N: Items) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Give the scores of all items as whole numbers, and those of relevant ones, in their order."""
    keys_N, found_N, found = np.empty(len(items_N), np.uint32), np.empty(len(items_N), np.uint32), 0
    for j in range(len(items_N)):
        keys_N[j] = np.uint32(items_N[j] & SCORE)
        if items_N[j] >> MARK & np.uint64(1):
            found_N[found] = keys_N[j]
            found += 1
    return keys_N, found_N[:found]
