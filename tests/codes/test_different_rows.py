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
