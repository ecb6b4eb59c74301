from __future__ import annotations

import numpy as np
import pytest

from crosshash.errors import CrosshashError
from crosshash.projections.eigen import factor, leading, penalised


def test_by_hand() -> None:
    """[[2, -1], [-1, 2]] has 3 along (1, -1) and 1 along (1, 1)."""
    values, vectors = leading(np.array([[2.0, -1], [-1, 2]]), 2)
    assert values == pytest.approx([3, 1])
    assert np.abs(vectors[:, 1]) == pytest.approx(np.full(2, 0.5**0.5))
    assert vectors[0, 0] * vectors[1, 0] == pytest.approx(-0.5)


def test_signs_are_settled() -> None:
    """The largest entry of each column is positive, whatever signs LAPACK has chosen."""
    generator = np.random.default_rng(0)
    root = generator.normal(size=(7, 7))
    _, vectors = leading(root @ root.T, 7)
    assert all(column[np.abs(column).argmax()] > 0 for column in vectors.T)


def test_dimensions_that_rounding_left_are_not_given() -> None:
    """Rank 2 of 6."""
    root = np.random.default_rng(0).normal(size=(6, 2))
    values, vectors = leading(root @ root.T, 5)
    assert (len(values), vectors.shape) == (2, (6, 2))
    assert leading(np.zeros((3, 3)), 2)[1].shape == (3, 0)
    assert leading(np.eye(3), 2)[1].shape == (3, 2)


def test_the_penalty_is_a_share_of_the_mean_variance() -> None:
    """Variances 1 and 3, mean 2; half of it is 1."""
    assert penalised(np.diag([1.0, 3]), 0.5) == pytest.approx(np.diag([2.0, 4]))


def test_features_that_are_equal_for_all_pairs_are_told() -> None:
    with pytest.raises(CrosshashError, match="are equal for all training pairs"):
        factor(penalised(np.zeros((3, 3)), 1.0))
