from __future__ import annotations

import numpy as np
import pytest

from crosshash.projections.ridge import ridge_projection


@pytest.mark.parametrize("penalty", [1e-3, 2.0])
@pytest.mark.parametrize(("items", "dims"), [(60, 5), (6, 20)])
def test_against_least_squares_with_rows_for_the_penalty(items: int, dims: int, penalty: float) -> None:
    """Below the N rows stand sqrt(N r) I with values 0: the least squares of both are the ridge's."""
    generator = np.random.default_rng(0)
    rows, values = generator.normal(size=(items, dims)), generator.normal(size=(items, 3))
    rows, values = rows - rows.mean(axis=0), values - values.mean(axis=0)
    covariance = rows.T @ rows / items
    found = ridge_projection(covariance, rows.T @ values / items, penalty)
    absolute = penalty * np.diag(covariance).mean()
    taller = np.concatenate([rows, np.sqrt(items * absolute) * np.eye(dims)])
    expected = np.linalg.lstsq(taller, np.concatenate([values, np.zeros((dims, 3))]), rcond=None)[0]
    assert np.abs(found - expected).max() < 1e-9


def test_by_hand() -> None:
    """Variance 2 in each of two columns, covariances 4 and 0 with the value, penalty 1: 4 / (2 + 2) = 1."""
    found = ridge_projection(np.diag([2.0, 2]), np.array([[4.0], [0]]), 1.0)
    assert found == pytest.approx(np.array([[1.0], [0]]))


def test_a_constant_column_takes_no_part() -> None:
    """Its covariances are 0; the penalty keeps the rest solvable."""
    found = ridge_projection(np.diag([2.0, 0]), np.array([[4.0], [0]]), 1.0)
    assert found == pytest.approx(np.array([[4 / 3], [0]]))
