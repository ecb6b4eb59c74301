from __future__ import annotations

import numpy as np
import pytest

from crosshash.centers.label_sets import label_sets


@pytest.mark.parametrize("classes", [1, 7, 8, 63, 64, 65, 130])
def test_sets_and_counts_are_those_of_the_sorted_rows(classes: int) -> None:
    """Rows drawn from a few, so that many are equal; among them rows without a label."""
    generator = np.random.default_rng(classes)
    few = (generator.random((20, classes)) < 0.2) * 3
    labels = few[generator.integers(20, size=500)]
    sets, counts = label_sets(labels)
    expected, numbers = np.unique(labels != 0, axis=0, return_counts=True)
    assert np.array_equal(sets, expected)
    assert sets.dtype == bool
    assert counts.tolist() == numbers.tolist()


def test_sets_by_hand() -> None:
    """Rows 01, 10, 01: 01 comes before 10, twice and once."""
    sets, counts = label_sets(np.array([[0, 1], [1, 0], [0, 1]]))
    assert sets.tolist() == [[False, True], [True, False]]
    assert counts.tolist() == [2, 1]


def test_without_classes_all_items_are_one_set() -> None:
    sets, counts = label_sets(np.zeros((3, 0), np.uint8))
    assert sets.shape == (1, 0)
    assert counts.tolist() == [3]
