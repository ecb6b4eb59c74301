from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from crosshash.centers.linear_codes import (
    encode,
    extended_bch,
    nordstrom_robinson,
    quasi_cyclic,
    reduced,
    shortened,
    weights,
)


def every_word(generator: np.ndarray) -> list[tuple[int, ...]]:
    """Add up every choice of rows, one by one; the first row belongs to the lowest bit of the message."""
    found = []
    for choice in product((0, 1), repeat=len(generator)):
        word = np.zeros(generator.shape[1], dtype=int)
        for chosen, row in zip(reversed(choice), generator, strict=True):
            word = (word + chosen * row) % 2
        found.append(tuple(int(bit) for bit in word))
    return found


def test_encode_and_weights_equal_plain_sums() -> None:
    generator = np.random.default_rng(3).integers(0, 2, (5, 70), dtype=np.uint8)
    words = every_word(generator)
    assert [tuple(word) for word in encode(np.arange(32), generator).tolist()] == words
    assert encode(np.arange(32), generator).dtype == np.uint8
    assert weights(generator).tolist() == [sum(word) for word in words[1:]]
    assert weights(generator).dtype == np.int64


def test_reduced_by_hand() -> None:
    """Rows 110, 011, 101: the third is the sum of the others; 110 + 011 = 101 clears the second column."""
    rows = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]], dtype=np.uint8)
    assert reduced(rows).tolist() == [[1, 0, 1], [0, 1, 1]]


def test_shortened_keeps_the_words_that_start_with_zeros() -> None:
    generator = np.random.default_rng(8).integers(0, 2, (6, 12), dtype=np.uint8)
    expected = {word[2:] for word in every_word(generator) if word[:2] == (0, 0)}
    assert set(every_word(shortened(generator, 2))) == expected


@pytest.mark.parametrize(
    ("m", "dimension", "distance"),
    [
        (3, 1, 8),
        (3, 4, 4),
        (3, 7, 2),
        (4, 5, 8),
        (4, 7, 6),
        (4, 11, 4),
        (5, 6, 16),
        (5, 11, 12),
        (6, 7, 32),
        (6, 10, 28),
        (7, 8, 64),
    ],
)
def test_extended_bch_has_its_textbook_parameters(m: int, dimension: int, distance: int) -> None:
    found = extended_bch(m, dimension)
    assert found is not None
    generator, designed = found
    assert generator.shape == (dimension, 2**m)
    assert designed == distance
    assert weights(generator).min() == distance


def test_extended_bch_takes_the_next_dimension_or_none() -> None:
    found = extended_bch(4, 6)
    assert found is not None
    assert found[0].shape == (7, 16)
    assert extended_bch(4, 16) is None


def test_quasi_cyclic_by_hand() -> None:
    """Polynomials 110 and 001 side by side, shifted by 0 and 1: 110|001 and 011|100."""
    polynomials = np.array([[1, 1, 0], [0, 0, 1]], dtype=np.uint8)
    assert quasi_cyclic(polynomials, 2).tolist() == [[1, 1, 0, 0, 0, 1], [0, 1, 1, 1, 0, 0]]


def test_nordstrom_robinson_distances() -> None:
    """From each word 112 others stand at distance 6, 30 at 8, 112 at 10 and one at 16."""
    words = nordstrom_robinson()
    assert words.dtype == np.uint8
    for word in words[::17]:
        values, counts = np.unique((words != word).sum(axis=1), return_counts=True)
        assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {
            0: 1,
            6: 112,
            8: 30,
            10: 112,
            16: 1,
        }


def test_nordstrom_robinson_takes_all_values_on_five_bits() -> None:
    words = nordstrom_robinson()
    for columns in ([0, 1, 2, 3, 4], [1, 6, 9, 12, 15]):
        _, counts = np.unique(words[:, columns], axis=0, return_counts=True)
        assert counts.tolist() == [8] * 32
