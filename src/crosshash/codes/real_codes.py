"""Real codes: what a hash code is the sign of, rounded the same way by stages, library and service.

Trained real codes are kept as float16. Delivered ones of queries are whole numbers, so that sums of them are
exact: equal scores are equal whoever adds them up, in whatever order.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError, listed

Distance = Literal["hamming", "asymmetric"]
DISTANCES: tuple[Distance, ...] = ("hamming", "asymmetric")
"""Code against code, or the query's real code against the items' codes."""

LEVELS = 63
"""The largest number of a query's code: finer ones find nothing more (mAP moves by 0.00001)."""
SMALLEST, LARGEST = np.finfo(np.float16).smallest_subnormal, np.finfo(np.float16).max


def to_half(real: NDArray[np.floating]) -> NDArray[np.float16]:
    """Round real codes float[N, K] to float16, with their signs: too small a number becomes the smallest one.

    Raises:
        CrosshashError: NaN, which has no sign; the rows are named.
    """
    half = nearest_half(real)
    lost = (half == 0) & (real != 0)
    half[lost] = np.copysign(SMALLEST, real[lost])
    return half


def nearest_half(real: NDArray[np.floating]) -> NDArray[np.float16]:
    """Round vectors float[N, D] to float16; too small a number is 0, whose sign would be that of noise.

    Raises:
        CrosshashError: NaN; the rows are named.
    """
    rows = np.flatnonzero(np.isnan(real).any(axis=1))
    if rows.size:
        raise CrosshashError(
            "the network gives values that are no numbers (NaN); look at what made these rows:\n"
            f"{listed([f'row {row}' for row in rows])}"
        )
    return np.asarray(np.clip(real, -LARGEST, LARGEST).astype(np.float16))


def query_levels(real: NDArray[np.floating]) -> NDArray[np.int8]:
    """Scale each real code of float[Q, k] to whole numbers int8[Q, k], the largest +-LEVELS; zeros stay."""
    most = np.abs(real).max(axis=1, keepdims=True).astype(np.float64)
    scale = LEVELS / np.where(most > 0, most, 1)
    return np.asarray(np.rint(real * scale).astype(np.int8))
