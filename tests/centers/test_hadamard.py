from __future__ import annotations

import numpy as np
import pytest

from crosshash.centers.hadamard import hadamard, next_order

REACHED = [1, 2, *(n for n in range(4, 129, 4) if n not in (92, 116))]


@pytest.mark.parametrize("order", [*REACHED, 512, 1000])
def test_rows_are_orthogonal(order: int) -> None:
    matrix = hadamard(order)
    assert matrix is not None
    assert matrix.dtype == np.int8
    assert np.array_equal(matrix.astype(int) @ matrix.T, order * np.eye(order, dtype=int))
    assert (matrix[0] == 1).all()
    assert (matrix[:, 0] == 1).all()


def test_orders_without_construction() -> None:
    for order in (0, 3, 5, 6, 10, 18, 92):
        assert hadamard(order) is None


def test_next_order() -> None:
    for bits in range(1, 129):
        order = next_order(bits)
        assert order == min(n for n in REACHED if n >= bits)
