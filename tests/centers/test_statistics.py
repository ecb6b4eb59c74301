from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from crosshash.centers import statistics
from crosshash.centers.statistics import (
    constant_columns,
    describe,
    distinct_columns,
    mean_distance,
    pair_statistics,
)

WORDS = np.array([[1, 1, 1, -1], [1, -1, -1, 1], [1, 1, 1, 1]], dtype=np.int8)


def test_by_hand() -> None:
    """Distances 3, 1 and 2; column 0 is constant, columns 1 and 2 are equal, so there are three splits."""
    assert pair_statistics(WORDS) == (1, 0)
    assert mean_distance(WORDS) == 2.0
    assert constant_columns(WORDS) == 1
    assert distinct_columns(WORDS) == 3


def test_a_column_and_its_negative_are_one_split() -> None:
    assert distinct_columns(np.array([[1, -1], [-1, 1]], dtype=np.int8)) == 1


@pytest.mark.parametrize("block", [1, 3, 2048])
def test_pairs_equal_a_plain_loop(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "BLOCK", block)
    words = np.random.default_rng(1).choice(np.array([-1, 1], dtype=np.int8), (9, 6))
    words[5] = -words[2]
    found = [int((one != other).sum()) for one, other in combinations(words, 2)]
    assert pair_statistics(words) == (min(found), found.count(6))
    assert mean_distance(words) == pytest.approx(np.mean(found))


def test_one_word_has_no_distance() -> None:
    found = describe(np.ones((1, 5), dtype=np.int8), "one word")
    assert found["min_distance"] is None
    assert found["mean_distance"] == 0
    assert found["constant_columns"] == 5


def test_description_by_hand() -> None:
    """Distances 3, 1, 2, 2, 1, 1: 5/3 on average. Plotkin: 2 floor(4 / (8 - 5)) = 2 words of 5 bits at 4."""
    words = np.append(WORDS, np.array([[1, 1, -1, 1]], dtype=np.int8), axis=0)
    assert describe(words, "by hand") == {
        "bits": 4,
        "classes": 4,
        "construction": "by hand",
        "min_distance": 1,
        "mean_distance": 1.6667,
        "best_known": 2,
        "bound": "Plotkin",
        "distinct_columns": 4,
        "constant_columns": 1,
        "antipodal_pairs": 0,
    }


def test_of_two_words_the_distance_is_the_mean() -> None:
    """Distances are whole numbers in the file, too."""
    assert mean_distance(WORDS[:2]) == 3
    assert repr(pair_statistics(WORDS[:2])) == "(3, 0)"


def test_describe_has_the_keys_of_the_file() -> None:
    keys = "bits classes construction min_distance mean_distance best_known distinct_columns constant_columns"
    assert {*keys.split(), "antipodal_pairs"} <= set(describe(WORDS, "by hand"))
