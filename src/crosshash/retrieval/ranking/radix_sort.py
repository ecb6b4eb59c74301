"""A stable sort of scored items that is linear in their number: by the bits of the scores, 11 at a time.

An item is one word: its score as a whole number in the low 32 bits, higher scores being lower numbers, above
them whether it is relevant, then its Hamming distance. Arrays of all items are the caller's, who takes the
same ones for every query: to ask the system for new memory took longer than to sort in it.
Shapes: N items, R of them, D distances, W words of a code.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.compiled import compiled
from crosshash.retrieval.ranking.histogram import popcount

Items = NDArray[np.uint64]
Counts = NDArray[np.int64]
Keys = TypeVar("Keys", NDArray[np.uint64], NDArray[np.uint32])
DIGIT = 11
MARK, DISTANCE = np.uint64(32), np.uint64(33)
SCORE = np.uint64(0xFFFFFFFF)
DIGITS = np.uint64((1 << DIGIT) - 1)
SIGN = np.uint64(0x80000000)
CHUNK = 4096  # scores that are turned at once: they stay in the cache
FEW = 32  # equal scores up to which items are put in order one by one


@compiled
def falling_keys(scores_N: NDArray[np.float32], keys_N: NDArray[np.uint32]) -> None:
    """Turn scores into whole numbers that are in the reverse order, equal ones where scores are.

    The bits of a float are in the order of the numbers, of negative ones in the reverse.
    """
    for start in range(0, len(scores_N), CHUNK):
        keys_n = keys_N[start : start + CHUNK]
        # Zero less zero is +0.0, whichever zero it was.
        bits_n = (np.float32(0.0) - scores_N[start : start + CHUNK]).view(np.uint32)
        for j in range(len(bits_n)):
            bits = bits_n[j]
            keys_n[j] = ~bits if bits >> np.uint32(31) else bits | np.uint32(SIGN)


@compiled
def fill_items(
    code_W: NDArray[np.uint64],
    codes_WN: NDArray[np.uint64],
    scores_N: NDArray[np.float32],
    relevant_N: NDArray[np.bool_],
    items_N: Items,
) -> None:
    """Make items of their scores, relevance and distances from a query's code, in the order of the rows."""
    keys_n, distances_n = np.empty(CHUNK, np.uint32), np.empty(CHUNK, np.uint64)
    for start in range(0, len(scores_N), CHUNK):
        falling_keys(scores_N[start : start + CHUNK], keys_n)
        distances_n[:] = 0
        for w in range(len(code_W)):
            word, words_n = code_W[w], codes_WN[w, start : start + CHUNK]
            for j in range(len(words_n)):
                distances_n[j] += popcount(word ^ words_n[j])
        items_n, marks_n = items_N[start : start + CHUNK], relevant_N[start : start + CHUNK]
        for j in range(len(items_n)):
            items_n[j] = np.uint64(keys_n[j]) | np.uint64(marks_n[j]) << MARK | distances_n[j] << DISTANCE


@compiled
def relevant_keys(
    keys_N: NDArray[np.uint32], relevant_N: NDArray[np.bool_], found_N: NDArray[np.uint32]
) -> int:
    """Put the keys of the relevant items first in `found`; gives their number."""
    count = 0
    for j in range(len(keys_N)):
        found_N[count] = keys_N[j]  # without a branch, that would be guessed wrong
        count += int(relevant_N[j])
    return count


@compiled
def count_items(items_N: Items, distances: int) -> Counts:
    """Count items, and relevant items, at each of so many distances: int64[D, 2]."""
    # Two tables in turn: raising one counter twice in a row waits for the first write.
    tables_2D2 = np.zeros((2, distances, 2), np.int64)
    for j in range(len(items_N)):
        tables_2D2[j & 1, items_N[j] >> DISTANCE, items_N[j] >> MARK & np.uint64(1)] += 1
    counts_D2: Counts = tables_2D2[0] + tables_2D2[1]
    counts_D2[:, 0] += counts_D2[:, 1]
    return counts_D2


@compiled
def nearest_items(items_N: Items, counts_D2: Counts, most: int) -> Items:
    """Give the first items in the order of (distance, row), as many as asked for; counts: of all of them."""
    places_D, before, last = np.zeros(len(counts_D2), np.int64), 0, 0
    for distance in range(len(counts_D2)):
        places_D[distance] = before
        before += counts_D2[distance, 0]
        if before < most:
            last = distance + 1
    near_R = np.empty(np.sum(counts_D2[: last + 1, 0]), np.uint64)
    beyond = np.uint64(last + 1) << DISTANCE
    for item in items_N:
        if item < beyond:
            near_R[places_D[item >> DISTANCE]] = item
            places_D[item >> DISTANCE] += 1
    return near_R[:most]


@compiled
def sort_items(items_N: Keys, other_N: Keys) -> Keys:
    """Sort by score, equal ones stay in their order: gives one of the two arrays, both are written to.

    items: or keys alone, uint32. A pass in which all have one digit is left out. numpy took seven
    times as long for 400,000 keys on an AMD EPYC.
    """
    now, other = items_N, other_N
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
def order_tied(items_N: Items, start: int, stop: int, distances: int) -> None:
    """Bring some of the items, which lie below so many distances, to the order of those."""
    if stop - start > FEW:
        tied_R = items_N[start:stop]
        tied_R[:] = nearest_items(tied_R, count_items(tied_R, distances), len(tied_R))
        return
    for j in range(start + 1, stop):
        item, place = items_N[j], j
        while place > start and items_N[place - 1] >> DISTANCE > item >> DISTANCE:
            items_N[place] = items_N[place - 1]
            place -= 1
        items_N[place] = item
