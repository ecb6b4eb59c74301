from __future__ import annotations

import numpy as np
import pytest

from crosshash.retrieval.ranking.tie_groups import discounts, harmonic, ratio


def test_sums_by_hand() -> None:
    """1, 1 + 1 / 2, 1 + 1 / 2 + 1 / 3; logarithms of 2, 3 and 4: 1, 1.585 and 2, of which 1, 0.6309, 0.5."""
    assert harmonic(3) == pytest.approx(np.array([0, 1, 3 / 2, 11 / 6]), abs=1e-15)
    assert discounts(3) == pytest.approx(np.array([0, 1, 1.63092975, 2.13092975]), abs=1e-8)
    assert harmonic(0).tolist() == discounts(0).tolist() == [0]


def test_a_ratio_to_nothing_is_0() -> None:
    """Memory that was in use a moment ago, not of zeros, is what numpy would give a new array."""
    used = np.full(16, 7.0)
    del used
    assert ratio(np.ones(16), np.zeros(16)).tolist() == [0.0] * 16
    assert ratio(np.array([3, 1]), np.array([[2], [0]])).tolist() == [[1.5, 0.5], [0, 0]]
