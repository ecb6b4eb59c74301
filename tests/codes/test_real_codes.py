from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from crosshash.codes.hashcodes import pack
from crosshash.codes.real_codes import nearest_half, query_levels, to_half
from crosshash.errors import CrosshashError

REAL = hnp.arrays(np.float32, (3, 5), elements=st.floats(-(2.0**90), 2.0**90, width=32))


@given(REAL)
def test_rounding_keeps_the_signs_whatever_the_size(real: np.ndarray) -> None:
    half = to_half(real)
    assert half.dtype == np.float16
    assert np.isfinite(half).all()
    assert np.array_equal(pack(half), pack(real))


def test_rounding_worked_by_hand() -> None:
    """Half of 2 ** -24 is the smallest float16; 1 + 2 ** -12 lies nearer to 1 than to 1 + 2 ** -10."""
    real = np.array([[1e-9, -1e-9, 0.0, 1 + 2**-12, 1e9, -1e9]], np.float32)
    assert to_half(real).tolist() == [[2**-24, -(2**-24), 0.0, 1.0, 65504.0, -65504.0]]
    assert nearest_half(real).tolist() == [[0.0, 0.0, 0.0, 1.0, 65504.0, -65504.0]]


def test_nan_is_refused_with_its_row() -> None:
    for rounded in (to_half, nearest_half):
        with pytest.raises(CrosshashError, match=r"values that are no numbers .*\n.*row 1"):
            rounded(np.array([[0.0], [np.nan]], np.float32))


def test_levels_worked_by_hand() -> None:
    """The largest of (0.5, -0.25, 0.1) is 0.5: 63, -31.5 (to even: -32), 12.6; zeros stay zeros."""
    found = query_levels(np.array([[0.5, -0.25, 0.1], [0.0, 0.0, 0.0]], np.float32))
    assert found.dtype == np.int8
    assert found.tolist() == [[63, -32, 13], [0, 0, 0]]


def test_zeros_are_divided_by_nothing() -> None:
    """A number that is none would become one that depends on the processor."""
    with np.errstate(all="raise"):
        assert query_levels(np.array([[0.0, -0.0], [0.0, 2.0]], np.float32)).tolist() == [[0, 0], [0, 63]]


@given(REAL)
@example(np.full((1, 2), 2.0**-126, np.float32))  # 63 over it is beyond float32
def test_levels_are_the_codes_up_to_scale(real: np.ndarray) -> None:
    levels, most = query_levels(real).astype(np.float64), np.abs(real).max(axis=1, keepdims=True)
    assert np.abs(levels * most / 63 - real).max() <= most.max() / 63
