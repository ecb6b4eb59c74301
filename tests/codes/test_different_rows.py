from __future__ import annotations

import numpy as np
import pytest

from crosshash.codes.different_rows import different_rows


@pytest.mark.parametrize("width", [0, 1, 2, 7, 8, 9, 16, 20])
@pytest.mark.parametrize("items", [0, 1, 300])
def test_rows_and_counts_are_those_of_a_sort(items: int, width: int) -> None:
    """Rows are drawn from twelve; high bytes and zeros are among them."""
    generator = np.random.default_rng(width)
    few = generator.choice([0, 1, 128, 255], (12, width)).astype(np.uint8)
    packed = few[generator.integers(12, size=items)]
    places, counts = different_rows(packed)
    by_row = sorted({tuple(row) for row in packed.tolist()})
    assert [tuple(packed[place].tolist()) for place in places] == by_row
    assert counts.tolist() == [packed.tolist().count(list(row)) for row in by_row]


def test_rows_that_differ_in_the_last_bit_alone_are_different() -> None:
    """As numbers of 64 bits, which no floating-point number tells apart."""
    packed = np.array([[255] * 7 + [last] for last in (1, 0, 1, 3)], np.uint8)
    places, counts = different_rows(packed)
    assert packed[places, 7].tolist() == [0, 1, 3]
    assert counts.tolist() == [1, 2, 1]
