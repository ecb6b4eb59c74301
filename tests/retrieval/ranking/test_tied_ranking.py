from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from crosshash.codes.hashcodes import pack
from crosshash.codes.vector_code import VectorCode
from crosshash.retrieval.ranking.asymmetric import CHUNK, RealSearch
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.tied_ranking import Ranking, Ties, blocks, rank

GENERATOR = np.random.default_rng(2)
CODES = GENERATOR.choice([-1, 1], (40, 5))
LABELS = (GENERATOR.random((44, 70)) < 0.15).astype(np.uint8)
LABELS[:, 69] |= LABELS[:, 0]
LEVELS = GENERATOR.integers(-2, 3, (4, 5)).astype(np.int8)


def groups(ranking: Ranking, query: int) -> list[tuple[float, ...]]:
    """Items, relevant items and shared labels of each group that has any."""
    parts = (ranking.items, ranking.relevant, ranking.gain)
    rows = zip(*(part[query].tolist() for part in parts), strict=True)
    return [row for row in rows if row[0]]


def by_loops(distances: np.ndarray, shared: np.ndarray, ties: str) -> list[tuple[float, ...]]:
    keys: list[tuple[int, ...]] = []
    for place, (distance, grade) in enumerate(zip(distances.tolist(), shared.tolist(), strict=True)):
        second = {"expected": 0, "by_id": place, "optimistic": -grade, "pessimistic": grade}[ties]
        keys.append((distance, second, grade))
    found: dict[tuple[int, ...], list[int]] = {}
    for *where, grade in sorted(keys):
        found.setdefault(tuple(where), []).append(grade)
    return [(len(one), sum(grade > 0 for grade in one), sum(one)) for one in found.values()]


@pytest.mark.parametrize("grades", [2, 3, 6])
@pytest.mark.parametrize("ties", get_args(Ties))
def test_groups_are_those_of_loops(ties: Ties, grades: int) -> None:
    """By both distances; more classes than a word has bits, and the last grade stands for more, too."""
    query, retrieval = Side.of(pack(np.sign(LEVELS + 0.5)), LABELS[:4]), Side.of(pack(CODES), LABELS[4:])
    shared = np.minimum((LABELS[:4, None] & LABELS[4:]).sum(axis=2), grades - 1)
    assert shared.max() >= min(grades - 1, 3)
    signs = np.where(LEVELS >= 0, 1, -1)
    hamming = (signs[:, None] != CODES).sum(axis=2)
    asymmetric = (np.abs(LEVELS).astype(int)[:, None] * (signs[:, None] != CODES)).sum(axis=2)
    rows = range(1, 4)
    by_distance, by_code = rank(query, retrieval, rows, ties, grades)
    by_real = RealSearch(LEVELS, pack(CODES), query, retrieval).rank(rows, ties, grades)
    for at, row in enumerate(rows):
        assert groups(by_code, at) == by_loops(hamming[row], shared[row], ties)
        assert groups(by_distance, at) == by_loops(hamming[row], shared[row], "expected")
        assert groups(by_real, at) == by_loops(asymmetric[row], shared[row], ties)
        for ranking in (by_code, by_distance, by_real):
            assert ranking.grades[at].tolist() == np.bincount(shared[row], minlength=grades).tolist()
            assert ranking.size == 40


@pytest.mark.parametrize("ties", get_args(Ties))
def test_where_all_distances_are_zero_shared_labels_alone_tell(ties: Ties) -> None:
    """Three items, of which two share one label and one none, at the only distance there is."""
    side = Side.of(pack(np.ones((3, 2))), np.array([[1], [0], [1]]))
    query = Side.of(pack(np.ones((1, 2))), np.ones((1, 1)))
    found = RealSearch(np.zeros((1, 2), np.int8), pack(np.ones((3, 2))), query, side).rank(range(1), ties, 2)
    wanted = {
        "expected": [(3, 2, 2)],
        "by_id": [(1, 1, 1), (1, 0, 0), (1, 1, 1)],
        "optimistic": [(2, 2, 2), (1, 0, 0)],
        "pessimistic": [(1, 0, 0), (2, 2, 2)],
    }
    assert groups(found, 0) == wanted[ties]


def test_blocks_hold_so_many_cells_and_queries_at_most() -> None:
    """A million cells: of 65 distances with 100 grades 6,500 each, which are 161 queries; by position 64
    of 2^14 items. 256 queries where there are few cells, and one at least where there are very many.
    """
    query, items = (Side.of(np.zeros((n, 1), np.uint8), np.zeros((n, 0))) for n in (400, 1 << 14))
    assert [len(rows) for rows in blocks(query, items, "expected", 2)] == [256, 144]
    assert [len(rows) for rows in blocks(query, items, "expected", 100)] == [161, 161, 78]
    found = blocks(query, items, "by_id", 2)
    assert [len(rows) for rows in found] == [64] * 6 + [16]
    assert [row for rows in found for row in rows] == list(range(400))
    few = Side.of(np.zeros((3, 1), np.uint8), np.zeros((3, 0)))
    assert blocks(few, items, "optimistic", 1 << 20) == [range(1), range(1, 2), range(2, 3)]


def test_places_of_more_vectors_than_are_decoded_at_once() -> None:
    """Numbered by the inner products that occur, the highest 0; two queries of different order."""
    code, generator = VectorCode("none", 2), np.random.default_rng(0)
    vectors = generator.integers(-9, 10, (CHUNK + 7, 2)).astype(np.float16)
    levels = np.array([[3, 1], [-1, 2]], np.int8)
    side = Side.of(code.encode(vectors), np.zeros((len(vectors), 0)))
    found = RealSearch(levels, code.encode(vectors), side, side, code).distances(range(2))
    products = (levels.astype(int) @ vectors.astype(int).T).tolist()
    for row, scores in zip(found.tolist(), products, strict=True):
        places = {score: place for place, score in enumerate(sorted(set(scores), reverse=True))}
        assert row == [places[score] for score in scores]


def test_no_queries_have_no_hits() -> None:
    nothing = np.zeros((0, 3))
    found = Ranking(nothing, nothing, nothing, np.zeros((0, 2), np.int64)).hits(np.arange(1, 5))
    assert found.shape == (0, 4)
