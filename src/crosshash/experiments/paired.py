"""Paired bootstrap: how far a difference of two means over the same queries may be from that of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLINGS = 10_000
LEVEL = 0.05
"""Below this p a difference counts as one; the intervals are of 1 - LEVEL."""

BLOCK = 1 << 22
"""Drawn queries held at once; 100 MB with what is made of them."""

NOISE = 1e-12
"""Means closer to zero are zero: scores have six decimals, sums of floats have more."""


@dataclass(frozen=True)
class Paired:
    """Mean difference, ends of its 95 % interval and two-sided p of each measure: float64[M] each."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p: NDArray[np.float64]


def paired_bootstrap(
    differences: NDArray[np.float64], resamplings: int, generator: np.random.Generator
) -> Paired:
    """Resample the queries of differences[Q, M] with replacement, the same draw for all measures.

    Interval: percentiles 2.5 and 97.5 of the resampled means. p = 2 (1 + n) / (1 + resamplings), at most
    1, with n the resampled means at or beyond zero on the rarer side: the interval turned round, so both
    agree. Source: Efron & Tibshirani 1993, chapters 13 and 15; the ones: Davison & Hinkley 1997, chapter 4.
    """
    queries = len(differences)
    means = np.empty((resamplings, differences.shape[1]))
    step = max(1, BLOCK // queries)
    for start in range(0, resamplings, step):
        block = means[start : start + step]
        block[:] = _times_drawn(queries, len(block), generator) @ differences / queries
    means[np.abs(means) < NOISE] = 0.0
    low, high = np.percentile(means, [50 * LEVEL, 100 - 50 * LEVEL], axis=0)
    rarer = np.minimum((means <= 0).sum(axis=0), (means >= 0).sum(axis=0))
    p = np.minimum(1.0, 2 * (1 + rarer) / (1 + resamplings))
    return Paired(differences.mean(axis=0), low, high, p)


def _times_drawn(queries: int, resamplings: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw all queries with replacement, so many times; say how often each came: float64[B, Q]."""
    drawn = generator.integers(queries, size=(resamplings, queries))
    drawn += np.arange(resamplings)[:, None] * queries
    counts = np.bincount(drawn.ravel(), minlength=resamplings * queries)
    return counts.reshape(resamplings, queries).astype(np.float64)
