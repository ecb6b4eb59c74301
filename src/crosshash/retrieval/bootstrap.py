"""How far a mean over queries may be from that of other queries of the same kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 22  # drawn queries held at once


def interval(
    values: NDArray[np.float64], resamplings: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Give the 95 % percentile interval of the mean of values[Q], by drawing Q queries with replacement.

    Without resamplings (0) both ends are the mean itself. Source: Efron & Tibshirani 1993, chapter 13.
    """
    if resamplings == 0:
        return float(values.mean()), float(values.mean())
    means: list[NDArray[np.float64]] = []
    step = max(1, BLOCK // len(values))
    for start in range(0, resamplings, step):
        drawn = generator.integers(len(values), size=(min(step, resamplings - start), len(values)))
        means.append(values[drawn].mean(axis=1))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)
