"""How far a mean over queries may be from that of other queries of the same kind."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

BLOCK = 1 << 20  # drawn queries held at once


def interval(
    values: NDArray[np.float64], resamplings: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Give the 95 % percentile interval of the mean of values[Q], by drawing Q queries with replacement.

    Without resamplings (0) both ends are the mean itself. Source: Efron & Tibshirani 1993, chapter 13.
    """
    low, high = intervals(values[:, None], resamplings, generator)[:, 0].tolist()
    return low, high


def intervals(
    values: NDArray[np.float64], resamplings: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Give such intervals for the means of all columns of values[Q, M], from the same draws: [2, M]."""
    if resamplings == 0:
        return np.stack([values.mean(axis=0)] * 2)
    queries, means, table = len(values), [], np.ascontiguousarray(values)
    step = max(1, BLOCK // queries)
    for start in range(0, resamplings, step):
        rows = min(step, resamplings - start)
        means.append(_means(table, generator.integers(queries, size=(rows, queries))))
    return np.asarray(np.percentile(np.concatenate(means), [2.5, 97.5], axis=0))


@njit(nogil=True)
def _means(values: NDArray[np.float64], drawn: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means of the drawn rows of values[Q, M], for each row of drawn[B, Q]: float64[B, M]."""
    sums = np.zeros((len(drawn), values.shape[1]))
    for b in range(len(drawn)):
        for q in drawn[b]:
            for m in range(values.shape[1]):
                sums[b, m] += values[q, m]
    sums /= drawn.shape[1]
    return sums
