from __future__ import annotations

import numpy as np
import pytest

from crosshash.codes.hamming import words
from crosshash.retrieval.ranking.multi_index import nearest_by_parts

PARTS = ((0, 8, 8), (8, 13, 5), (13, 20, 7))
"""From which bit to which one, and how many of them are flipped: of the last all, of the first eight too."""
Asked = list[tuple[int, int]]


def value_of(code: np.ndarray, part: int) -> int:
    start, stop, _ = PARTS[part]
    return int("".join(str(bit) for bit in code[start:stop]), 2)


def by_loops(code: np.ndarray, known: np.ndarray, most: int) -> tuple[int, set[int]]:
    """Least distance among those that agree in a part, but for its flip-th bit from below; who has it."""
    found: Asked = []
    for flip in range(9):
        if len(found) >= most:
            break
        for part, (_, _, bits) in enumerate(PARTS):
            if flip <= bits:
                wanted = value_of(code, part) ^ (1 << flip >> 1)
                alike = [row for row, other in enumerate(known) if value_of(other, part) == wanted]
                found += [(int((code != known[row]).sum()), row) for row in alike]
    least = min((distance for distance, _ in found), default=1 << 30)
    return least, {row for distance, row in found if distance == least}


@pytest.mark.parametrize(("most", "items"), [(1, 60), (5, 60), (1000, 60), (1000, 2)])
def test_the_nearest_of_those_that_have_a_part_is_found(most: int, items: int) -> None:
    """Codes of 20 bits, of which 3 times 2 - 1 = 5 at most are flipped where the answer is exact; ties are
    anybody's. Where nobody has a part, the distance is more than there can be.
    """
    generator = np.random.default_rng(most)
    known = generator.integers(0, 2, (items, 20))
    asked = known[generator.integers(items, size=60)] ^ (generator.random((60, 20)) < 0.15)
    asked[1] = np.isin(np.arange(20), (0, 1, 8, 9, 13)) ^ known[0]  # only the last part has all bits but one
    if items == 2:
        asked[0] = np.array([1, 1, 1, 0, 0] * 4) ^ known[0]
    values = np.array([[value_of(code, part) for part in range(3)] for code in known])
    order = np.argsort(values, axis=0, kind="stable").T
    packed = words(np.packbits(known, axis=1)).T
    starts = [np.searchsorted(np.sort(values[:, part]), np.arange(257)) for part in range(3)]
    numbers, distances = np.empty(60, np.uint32), np.empty(60, np.uint32)
    nearest_by_parts(
        words(np.packbits(asked, axis=1)).T.copy(),
        np.array([[value_of(code, part) for part in range(3)] for code in asked], np.uint32),
        np.array([bits for _, _, bits in PARTS]),
        np.array(starts, np.int32),
        np.ascontiguousarray(packed[order]),
        order.astype(np.uint32),
        most,
        numbers,
        distances,
    )
    for code, number, distance in zip(asked, numbers.tolist(), distances.tolist(), strict=True):
        least, rows = by_loops(code, known, most)
        if least > 20:
            assert distance > 20
            continue
        assert distance == least
        assert number in rows
        if most == 1000 and (nearest := int((code != known).sum(axis=1).min())) < 6:
            assert distance == nearest


def test_every_word_of_a_code_counts() -> None:
    """Bits that differ, in two words: 3 + 0, 0 + 4 and 1 + 1; all have the one part, whose value is 0."""
    known = np.array([[0b111, 0], [0, 0b1111], [0b1, 0b1]], np.uint64)
    numbers, distances = np.empty(1, np.uint32), np.empty(1, np.uint32)
    nearest_by_parts(
        np.zeros((1, 2), np.uint64),
        np.zeros((1, 1), np.uint32),
        np.zeros(1, np.int64),
        np.array([[0, 3]], np.int32),
        known[None],
        np.array([[7, 8, 9]], np.uint32),
        1000,
        numbers,
        distances,
    )
    assert (numbers.tolist(), distances.tolist()) == ([9], [2])
