from __future__ import annotations

import numpy as np
import pytest

from crosshash.retrieval.measures.precision_recall import POINTS, curve_ranks


@pytest.mark.parametrize("items", [1, 7, 39, 60, 5000])
def test_ranks_of_curves_are_close_in_both_measures(items: int) -> None:
    """From the first to the last; two neighbours are a step apart at most, or a factor of one of 39 steps."""
    ranks = curve_ranks(items, (2, 55, 5001))
    assert ranks.dtype == np.int64
    assert (ranks[0], ranks[-1]) == (1, items)
    assert (np.diff(ranks) > 0).all()
    assert set(ranks) >= {wanted for wanted in (2, 55, 5001) if wanted <= items}
    assert np.diff(ranks).max(initial=0) <= (items - 1) / (POINTS - 1) + 1
    factor = items ** (1 / (POINTS - 1))
    assert (ranks[1:] <= factor * (ranks[:-1] + 0.5) + 1.5).all()
    assert len(ranks) <= 2 * POINTS + 2
