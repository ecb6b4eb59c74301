from __future__ import annotations

import numpy as np
import pytest

from crosshash.index.code_index import CodeIndex
from crosshash.index.real_lists import search_lists
from crosshash.index.structures import Structure, build_structure, list_content
from tests.index.codes import clustered
from tests.index.test_asymmetric import asked, ordered, scores_by_loops

CODES, ROWS, QUERIES = clustered(0, 2_400, 32), np.arange(2_400) * 2, asked(1, 12, 32)


@pytest.fixture
def lists() -> Structure:
    return build_structure("ivf", CODES, ROWS, seed=0)


def test_finds_the_best_of_the_lists_nearest_to_the_query(lists: Structure) -> None:
    """Twice `nprobe` lists, by the scores of their centroids."""
    lists.tune(2)
    centroids = lists.centroids.packed
    found, scores = search_lists(lists, QUERIES, 20)
    for query, near in enumerate(scores_by_loops(QUERIES, centroids)):
        numbers = [number for _, number in ordered(near, np.arange(len(centroids)), 4)]
        rows = np.concatenate([list_content(lists.held, number)[1] for number in numbers])
        (expected,) = scores_by_loops(QUERIES[query : query + 1], CODES[rows // 2])
        pairs = ordered(expected, rows, 20)
        assert found[query].tolist() == [row for _, row in pairs]
        assert scores[query] == pytest.approx([score for score, _ in pairs], rel=1e-12, abs=1e-12)


def test_unfilled_places_stand_last(lists: Structure) -> None:
    lists.tune(1)
    rows, scores = search_lists(lists, QUERIES, 2_400)
    for found, values in zip(rows, scores, strict=True):
        filled = int((found >= 0).sum())
        assert 0 < filled < 2_400
        assert (found[filled:] == -1).all()
        assert (values[filled:] == -np.inf).all()
        assert (np.diff(values[:filled]) <= 0).all()


def test_queries_whose_lists_hold_too_few_go_through_all_codes(lists: Structure) -> None:
    lists.tune(1)
    index = CodeIndex(CODES, ROWS, lists)
    for a, b in zip(
        index.search_real(QUERIES, 2_400), index.search_real(QUERIES, 2_400, keep=ROWS), strict=True
    ):
        assert np.array_equal(a, b)


def test_more_lists_than_there_are_is_all_of_them(lists: Structure) -> None:
    lists.tune(1024)
    exact = CodeIndex(CODES, ROWS).search_real(QUERIES, 50, keep=ROWS)
    for a, b in zip(search_lists(lists, QUERIES, 50), exact, strict=True):
        assert np.array_equal(a, b)


def test_an_index_of_lists_looks_in_these_alone(lists: Structure) -> None:
    lists.tune(1)
    index = CodeIndex(CODES, ROWS, lists)
    found, scores = index.search_real(QUERIES, 20)
    expected = search_lists(lists, QUERIES, 20)
    filled = (expected[0] >= 0).all(axis=1)
    assert filled.any()
    assert np.array_equal(found[filled], expected[0][filled])
    assert np.array_equal(scores[filled], expected[1][filled])
    exact = index.search_real(QUERIES, 20, keep=ROWS)
    assert not np.array_equal(found, exact[0])


def test_a_list_that_became_empty_is_passed_over(lists: Structure) -> None:
    lists.tune(1024)
    packed, rows = list_content(lists.held, 1)
    assert len(packed) == len(rows) > 0
    left = np.setdiff1d(ROWS, rows.copy())
    lists = lists.without(np.setdiff1d(ROWS, left), CODES[left // 2], left)
    packed, rows = list_content(lists.held, 1)
    assert (packed.shape, packed.dtype, rows.shape, rows.dtype) == ((0, 4), np.uint8, (0,), np.int64)
    exact = CodeIndex(CODES, ROWS).search_real(QUERIES, 50, keep=left)
    for a, b in zip(search_lists(lists, QUERIES, 50), exact, strict=True):
        assert np.array_equal(a, b)
