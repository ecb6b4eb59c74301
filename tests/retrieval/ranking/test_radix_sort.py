from __future__ import annotations

import hypothesis.extra.numpy as arrays
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crosshash.retrieval.ranking.radix_sort import DISTANCE, MARK, falling_keys, nearest_items, sort_items

SCORES = arrays.arrays(
    np.float32,
    st.integers(1, 60),
    elements=st.one_of(st.sampled_from([-1.5, -0.0, 0.0, 2.0]), st.floats(-1048576.0, 1048576.0, width=32)),
)


@given(SCORES)
def test_keys_rise_where_scores_fall_and_are_equal_where_they_are(scores: NDArray[np.float32]) -> None:
    keys = falling_keys(scores)
    for a in range(len(scores)):
        for b in range(len(scores)):
            assert (keys[a] < keys[b]) == (scores[a] > scores[b])


@given(SCORES)
def test_keys_are_sorted_as_numpy_does_and_stay_as_they_were(scores: NDArray[np.float32]) -> None:
    keys = falling_keys(scores)
    before = keys.copy()
    found = sort_items(keys)
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, np.sort(keys))
    np.testing.assert_array_equal(keys, before)


def test_no_key_is_sorted_into_none() -> None:
    assert sort_items(np.zeros(0, np.uint32)).shape == (0,)


@given(SCORES, st.integers(0, 1 << 30))
def test_equal_scores_stay_in_the_order_of_distance_and_row(scores: NDArray[np.float32], seed: int) -> None:
    rng = np.random.default_rng(seed)
    distances = rng.integers(0, 4, len(scores)).astype(np.uint16)
    relevant = rng.random(len(scores)) < 0.5
    found = sort_items(nearest_items(distances, scores, relevant))
    wanted = sorted(range(len(scores)), key=lambda row: (-scores[row], distances[row], row))
    assert (found >> DISTANCE).tolist() == distances[wanted].tolist()
    assert (found >> MARK & np.uint64(1)).astype(bool).tolist() == relevant[wanted].tolist()
