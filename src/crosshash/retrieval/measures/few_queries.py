"""Bootstrap-t: how sure a mean over few queries is, where percentiles of resampled means are too narrow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEW = 30
"""Queries from which percentiles of resampled means serve; below, intervals of 95 % would hold 80 to 92 %."""

NOISE = 1e-9
"""Scores that differ by less are equal: what is left of rounding; also of means, as a share of the spread."""

Values = NDArray[np.float64]


def studentised(
    values: Values, resamplings: int, generator: np.random.Generator, least: float, most: float
) -> tuple[Values, Values, Values]:
    """Give low and high ends of the 95 % interval of the means of values[Q, M], and p of means of zero.

    Each draw of Q queries with replacement gives (its mean - mean) / its standard error; the mean is as far
    from the truth as these are from zero, in its own standard errors. A draw of equal values lies beyond all
    others. least, most: what values can be, and so the interval of one query, of which nothing is known.
    Where all values are equal, so are the ends, and p is that of the signs, 2^(1 - Q).
    Source: Efron & Tibshirani 1993, chapter 12; the ones in p: Davison & Hinkley 1997, chapter 4.
    """
    queries, columns = values.shape
    mean = values.mean(axis=0)
    if queries == 1:
        return np.full(columns, least), np.full(columns, most), np.ones(columns)
    centred = values - mean
    alike = np.ptp(values, axis=0) <= NOISE
    error = np.sqrt((centred**2).mean(axis=0) / (queries - 1))
    error[alike] = 0.0
    drawn = _ratios(centred, resamplings, generator)
    drawn[:, alike] = 0.0
    upper = np.quantile(drawn, 0.975, axis=0, method="higher")
    lower = np.quantile(drawn, 0.025, axis=0, method="lower")
    observed = np.divide(mean, error, out=np.zeros(columns), where=~alike)
    rarer = np.minimum((drawn >= observed).sum(axis=0), (drawn <= observed).sum(axis=0))
    p = np.minimum(1.0, 2 * (1 + rarer) / (1 + resamplings))
    p[alike] = np.where(np.abs(mean[alike]) <= NOISE, 1.0, 0.5 ** (queries - 1))
    ends = (mean - np.where(alike, 0.0, end) * np.where(alike, 1.0, error) for end in (upper, lower))
    low, high = (end.clip(least, most) for end in ends)
    return low, high, p


def _ratios(centred: Values, resamplings: int, generator: np.random.Generator) -> Values:
    """Draw queries of centred[Q, M]; give mean over standard error of each draw: float64[resamplings, M]."""
    queries = len(centred)
    drawn = generator.integers(queries, size=(resamplings, queries))
    counts = (drawn[:, :, None] == np.arange(queries)).sum(axis=1)
    means = counts @ centred / queries
    variances = counts @ centred**2 / queries - means**2
    scale = np.abs(centred).max(axis=0)
    means[np.abs(means) <= NOISE * scale] = 0.0
    equal = variances <= NOISE * scale**2
    errors = np.sqrt(np.where(equal, 1.0, variances) / (queries - 1))
    beyond = np.where(means == 0, 0.0, np.copysign(np.inf, means))
    return np.where(equal, beyond, means / errors)
