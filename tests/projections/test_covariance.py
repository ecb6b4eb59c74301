from __future__ import annotations

import numpy as np
import pytest

from crosshash.projections.covariance import Covariance


def test_batches_add_up_to_the_whole() -> None:
    """Against numpy over all rows at once, whatever the sizes of the batches."""
    generator = np.random.default_rng(0)
    first, second = generator.normal(3, 2, (50, 4)), generator.normal(-7, 1, (50, 3))
    second += first[:, :3]
    found = Covariance()
    for start, stop in ((0, 1), (1, 20), (20, 50)):
        found.add(first[start:stop], second[start:stop])
    expected = np.cov(first.T, second.T, bias=True)[:4, 4:]
    assert found.items == 50
    assert np.abs(found.matrix() - expected).max() < 1e-12
    for mean, whole in zip(found.means, (first, second), strict=True):
        assert np.abs(mean - whole.mean(axis=0)).max() < 1e-12


def test_by_hand() -> None:
    """Items (1, 10), (3, 10), (5, 40): means 3 and 20; products of deviations 20, 0, 40, so 60 / 3 = 20."""
    found = Covariance()
    found.add(np.array([[1.0], [3]]), np.array([[10.0], [10]]))
    found.add(np.array([[5.0]]), np.array([[40.0]]))
    assert found.matrix() == pytest.approx(np.array([[20.0]]))
    assert [float(mean[0]) for mean in found.means] == pytest.approx([3, 20])


def test_variables_far_from_zero_keep_their_digits() -> None:
    """Sums of squares near 1e16 would leave nothing of a variance of 1 / 4."""
    rows = 1e8 + np.arange(1000.0)[:, None] % 2
    found = Covariance()
    for part in np.split(rows, 10):
        found.add(part, part)
    assert found.matrix()[0, 0] == pytest.approx(0.25, rel=1e-9)
