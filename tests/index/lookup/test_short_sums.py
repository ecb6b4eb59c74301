"""The instruction by itself, compiled here, against sums in plain loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from crosshash.index.lookup import short_sums
from crosshash.index.lookup.short_sums import (
    LANES,
    MASK_TYPE,
    TOGETHER,
    _compared_with,
    below_limit,
    below_limits,
    lowest_bit,
)

pytestmark = pytest.mark.skipif("+avx2" not in short_sums.FEATURES, reason="wants a processor with AVX2")
Compared = Callable[..., Any]


@pytest.fixture(scope="module")
def compared() -> Compared:
    @numba.njit  # type: ignore[untyped-decorator]
    def both(block: Any, tables: Any, stride: Any, limits: Any, one: Any, four: Any) -> Any:  # noqa: ANN401
        width = len(block)
        at = block.ctypes.data, tables.ctypes.data, limits.ctypes.data
        some = below_limit(at[0], width, at[1], stride, at[2], one.ctypes.data)
        return some, below_limits(at[0], width, at[1], stride, at[2], four.ctypes.data)

    return both  # type: ignore[no-any-return]


@pytest.mark.parametrize("width", [1, 2, 9])
@pytest.mark.parametrize("most", [3, 40, 255])
def test_masks_are_those_of_sums_in_loops(compared: Compared, width: int, most: int) -> None:
    """Numbers so small that sums tie with limits, and so large that they stop at 255; gaps between tables."""
    generator = np.random.default_rng(width)
    block = generator.integers(0, 256, (width, LANES), np.uint8)
    tables = generator.integers(0, most + 1, (TOGETHER, 2 * width + 3, 16)).astype(np.uint8)
    sums = [
        [
            min(255, sum(int(own[2 * byte, code & 15]) + int(own[2 * byte + 1, code >> 4])
                         for byte, code in enumerate(lane)))
            for lane in block.T.tolist()
        ]
        for own in tables
    ]  # fmt: skip
    limits = np.array([np.median(sums[0]), 0, min(min(sums[2]) + 1, 255), 255], np.uint8)
    one, four = np.zeros(TOGETHER, MASK_TYPE), np.zeros(TOGETHER, MASK_TYPE)
    some, any_of_four = compared(block, tables, tables[0].size, limits, one, four)
    expected = [
        sum(1 << lane for lane, total in enumerate(own) if total < limit)
        for own, limit in zip(sums, limits.tolist(), strict=True)
    ]
    assert [int(mask) for mask in four] == expected
    assert [int(mask) for mask in one] == [expected[0], 0, 0, 0]
    assert int(some) == expected[0]
    assert int(any_of_four) == expected[0] | expected[1] | expected[2] | expected[3]


def test_the_lowest_bit_of_a_mask() -> None:
    @numba.njit  # type: ignore[untyped-decorator]
    def lowest(mask: Any) -> Any:  # noqa: ANN401
        return lowest_bit(mask)

    for bit in (0, 1, 5, LANES - 1):
        assert lowest(MASK_TYPE(1 << bit)) == bit
        assert lowest(MASK_TYPE((1 << bit) | (1 << (LANES - 1)))) == bit


def test_any_number_of_queries_is_compared_together() -> None:
    """Codes 0, 1, 2 and so on of one byte. Query q sums (q + 1) times the lower half of it, and wants what is
    below 8 (q + 1): all three find the codes whose lower half is below 8.
    """
    below_three = _compared_with(3)

    @numba.njit  # type: ignore[untyped-decorator]
    def compared(block: Any, tables: Any, limits: Any, masks: Any) -> Any:  # noqa: ANN401
        at = block.ctypes.data, tables.ctypes.data, limits.ctypes.data, masks.ctypes.data
        return below_three(at[0], 1, at[1], tables[0].size, at[2], at[3])

    block = np.arange(LANES, dtype=np.uint8)[None]
    tables = np.zeros((3, 2, 16), np.uint8)
    tables[:, 0] = np.arange(16) * np.arange(1, 4)[:, None]
    masks = np.zeros(4, MASK_TYPE)
    found = compared(block, tables, np.array([8, 16, 24], np.uint8), masks)
    expected = sum(1 << lane for lane in range(LANES) if lane % 16 < 8)
    assert masks.tolist() == [expected, expected, expected, 0]
    assert int(found) == expected
