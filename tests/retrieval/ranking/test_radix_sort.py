from __future__ import annotations

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crosshash.codes.hamming import words
from crosshash.retrieval.ranking.radix_sort import (
    CHUNK,
    DISTANCE,
    FEW,
    MARK,
    Items,
    count_items,
    falling_keys,
    fill_items,
    nearest_items,
    order_tied,
    relevant_keys,
    sort_items,
)

SCORES = arrays.arrays(
    np.float32,
    st.integers(1, 60),
    elements=st.one_of(st.sampled_from([-1.5, -0.0, 0.0, 2.0]), st.floats(-1048576.0, 1048576.0, width=32)),
)


def keys_of(scores: NDArray[np.float32]) -> NDArray[np.uint32]:
    keys = np.zeros(len(scores), np.uint32)
    falling_keys(scores, keys)
    return keys


def items_of(
    distances: NDArray[np.integer], scores: NDArray[np.float32], relevant: NDArray[np.bool_]
) -> Items:
    """Codes of 192 bits, as many ones as the distance; the query's has none."""
    items, ones = np.zeros(len(scores), np.uint64), np.arange(192) < distances[:, None]
    codes = words(np.packbits(ones, axis=1))
    fill_items(np.zeros(3, np.uint64), codes, scores, relevant, items)
    return items


def told(items: Items) -> list[tuple[int, bool]]:
    """Distance and relevance of each."""
    marks = (items >> MARK & np.uint64(1)).astype(bool)
    return list(zip((items >> DISTANCE).tolist(), marks.tolist(), strict=True))


@given(SCORES)
def test_keys_rise_where_scores_fall_and_are_equal_where_they_are(scores: NDArray[np.float32]) -> None:
    keys = keys_of(scores)
    for a in range(len(scores)):
        for b in range(len(scores)):
            assert (keys[a] < keys[b]) == (scores[a] > scores[b])


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=30))
def test_the_order_is_that_of_a_stable_sort(numbers: list[float]) -> None:
    """Infinities, subnormal numbers, both zeros; every number stands there twice, its row is its distance."""
    scores = np.array(numbers + numbers, np.float32)
    items = items_of(np.arange(len(scores)), scores, scores > 0)
    order = np.argsort(-scores, kind="stable")
    found = sort_items(items, np.empty_like(items))
    assert told(found) == list(zip(order.tolist(), (scores[order] > 0).tolist(), strict=True))


@given(SCORES)
def test_keys_are_sorted_as_numpy_does(scores: NDArray[np.float32]) -> None:
    keys = keys_of(scores)
    wanted = np.sort(keys)
    found = sort_items(keys, np.empty_like(keys))
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, wanted)


def test_no_key_is_sorted_into_none() -> None:
    assert sort_items(np.zeros(0, np.uint32), np.zeros(0, np.uint32)).shape == (0,)


@given(SCORES, st.integers(0, 1 << 30))
def test_keys_of_relevant_items_keep_their_order(scores: NDArray[np.float32], seed: int) -> None:
    keys, relevant = keys_of(scores), np.random.default_rng(seed).random(len(scores)) < 0.5
    found = np.zeros_like(keys)
    count = relevant_keys(keys, relevant, found)
    assert found[:count].tolist() == keys[relevant].tolist()


def test_a_chunk_and_its_last_items_are_filled_as_all() -> None:
    """Rows up to two chunks and three items: each has its own score, distance and mark."""
    rows = np.arange(2 * CHUNK + 3)
    items = items_of(rows % 7, -rows.astype(np.float32), rows % 3 == 0)
    assert told(items) == [(row % 7, row % 3 == 0) for row in rows.tolist()]
    assert (np.diff((items & np.uint64(0xFFFFFFFF)).astype(np.int64)) > 0).all()


def test_items_by_distance_by_hand() -> None:
    """Distances 2 0 2 2 0, the second and the third relevant: of 0 two and one, of 2 three and one."""
    items = items_of(np.array([2, 0, 2, 2, 0]), np.zeros(5, np.float32), np.array([0, 1, 1, 0, 0], bool))
    assert count_items(items, 4).tolist() == [[2, 1], [0, 0], [3, 1], [0, 0]]


@pytest.mark.parametrize("most", [0, 1, 2, 3, 4, 5])
def test_the_nearest_by_hand(most: int) -> None:
    """Rows 0 to 4 at distances 2 0 2 2 0: rows 1, 4, 0, 2, 3."""
    distances = np.array([2, 0, 2, 2, 0])
    items = items_of(distances, np.arange(5, dtype=np.float32), np.zeros(5, bool))
    found = nearest_items(items, count_items(items, 4), most)
    assert found.tolist() == items[[1, 4, 0, 2, 3]][:most].tolist()


@pytest.mark.parametrize("equal", [1, 2, FEW, FEW + 1, 3 * FEW])
def test_equal_scores_are_in_the_order_of_distance_and_row(equal: int) -> None:
    """Three groups of equal scores, as long as are ordered one by one and longer; rows are told by marks."""
    rng = np.random.default_rng(equal)
    scores = np.repeat(np.array([2.0, -0.0, -5.0], np.float32), equal)[rng.permutation(3 * equal)]
    distances = rng.integers(0, 4, len(scores))
    relevant = rng.random(len(scores)) < 0.5
    items = items_of(distances, scores, relevant)
    found = sort_items(items, np.empty_like(items))
    for start in range(0, len(found), equal):
        order_tied(found, start, start + equal, 4)
    wanted = sorted(range(len(scores)), key=lambda row: (-scores[row], distances[row], row))
    assert told(found) == [(int(distances[row]), bool(relevant[row])) for row in wanted]
