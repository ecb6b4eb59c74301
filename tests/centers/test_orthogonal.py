from __future__ import annotations

import numpy as np
import pytest

from crosshash.centers import orthogonal


def products(words: np.ndarray) -> np.ndarray:
    return words.astype(int) @ words.T.astype(int)


@pytest.mark.parametrize(("count", "order"), [(1, 4), (3, 4), (4, 4), (24, 512), (80, 96), (12, 12)])
def test_rows_differ_in_half_of_the_columns(count: int, order: int) -> None:
    words, name = orthogonal.half_distance(count, order, np.random.default_rng(0))
    assert name == f"rows of a Hadamard matrix of order {order}"
    assert words.dtype == np.int8
    assert np.array_equal(products(words), order * np.eye(count, dtype=int))


@pytest.mark.parametrize("count", range(17, 33))
def test_sixteen_bits_hold_up_to_thirty_two_words_with_few_antipodes(count: int) -> None:
    """g = 2 or 4 quadruples save as many pairs: 20 words have none, 24 words have 24 - 16 - 4 = 4."""
    words, _ = orthogonal.half_distance(count, 16, np.random.default_rng(count))
    found = products(words) - 16 * np.eye(count, dtype=int)
    assert words.shape == (count, 16)
    assert found.max() <= 0
    least = {17: 0, 18: 0, 19: 0, 20: 0, 21: 1, 22: 2, 23: 3, 24: 4, 32: 16}
    if count in least:
        assert (found == -16).sum() // 2 == least[count]


@pytest.mark.parametrize(("count", "order"), [(80, 64), (42, 32), (84, 64), (56, 48)])
def test_quadruples_need_no_antipodes(count: int, order: int) -> None:
    words, name = orthogonal.half_distance(count, order, np.random.default_rng(1))
    found = products(words) - order * np.eye(count, dtype=int)
    assert "quadruples" in name
    assert len({word.tobytes() for word in words}) == count
    assert found.max() == 0
    assert found.min() == -order // 2


@pytest.mark.parametrize(("count", "order"), [(20, 12), (30, 24), (7, 4)])
def test_negatives_where_the_order_has_no_quarter(count: int, order: int) -> None:
    """Orders 3 and 6 have no Hadamard matrix; four words of 4 bits leave no room for quadruples."""
    words, name = orthogonal.half_distance(count, order, np.random.default_rng(2))
    assert name == f"rows and negatives of a Hadamard matrix of order {order}"
    assert (products(words) == -order).sum() // 2 == count - order


@pytest.mark.parametrize(("count", "order"), [(20, 32), (24, 20), (42, 32), (56, 48)])
def test_no_column_is_constant(count: int, order: int) -> None:
    """Hadamard matrices are built with a column of ones; rows are negated by the lot."""
    words, _ = orthogonal.half_distance(count, order, np.random.default_rng(3))
    assert words.dtype == np.int8
    assert (abs(words[:order].sum(axis=0, dtype=int)) < min(count, order)).all()


def test_the_row_of_ones_is_drawn_only_when_every_row_is_needed() -> None:
    for seed in range(4):
        for count, ones in ((7, 0), (8, 1)):
            words = orthogonal.rows(count, 8, np.random.default_rng(seed))
            assert (abs(words.sum(axis=1, dtype=int)) == 8).sum() == ones


@pytest.mark.parametrize("bits", [31, 30, 32, 33, 40])
def test_fitted_to_other_lengths(bits: int) -> None:
    """One dropped column costs nothing, t dropped ones at most t - 1; added ones split the words evenly."""
    generator = np.random.default_rng(5)
    words = orthogonal.fitted(orthogonal.rows(20, 32, generator), bits, True, generator)
    off_diagonal = products(words)[~np.eye(20, dtype=bool)]
    assert words.shape == (20, bits)
    assert words.dtype == np.int8
    assert (abs(words.sum(axis=0, dtype=int)) < 20).all()
    assert (bits - off_diagonal.max()) // 2 >= 16 - max(0, 31 - bits)
    if bits > 32:
        assert (words[:, 32:].sum(axis=0) == 0).all()


def test_orders_to_start_from() -> None:
    assert orthogonal.orders(64) == [64]
    assert orthogonal.orders(17) == [20, 16]
    assert orthogonal.orders(15) == [16, 12]
    assert orthogonal.orders(3) == [4, 2]
    assert orthogonal.orders(92) == [96, 88]
    assert orthogonal.orders(1) == [1]
