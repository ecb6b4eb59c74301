"""Bootstrap-t: how sure a mean over few queries is, where percentiles of resampled means are too narrow.

Shapes: Q queries, M measures, R resamplings. Source: Efron & Tibshirani 1993, chapter 12.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEW = 30
"""Queries from which percentiles of resampled means serve; below, their 95 % would be 80 to 92 %."""

NOISE = 1e-9
"""Scores that differ by less are equal: what is left of rounding; also of means, as a share of the spread."""

Values = NDArray[np.float64]


def studentised(
    values_QM: Values, resamplings: int, generator: np.random.Generator, least: float, most: float
) -> tuple[Values, Values, Values]:
    """Give both ends of the 95 % interval of each mean, and p of a mean of zero: float64[M] each.

    Each draw of Q queries with replacement gives (its mean - mean) / its standard error; the mean is as far
    from the truth as these are from zero, in its own standard errors. A draw of equal values lies beyond all
    others. least, most: what values can be, and so the interval of one query, of which nothing is known.
    Where all values are equal, so are the ends, and p is that of the signs, 2^(1 - Q).
    """
    queries, columns = values_QM.shape
    mean_M = values_QM.mean(axis=0)
    if queries == 1:
        return np.full(columns, least), np.full(columns, most), np.ones(columns)
    centred_QM = values_QM - mean_M
    alike_M = np.ptp(values_QM, axis=0) <= NOISE
    error_M = np.where(alike_M, 1.0, np.sqrt((centred_QM**2).mean(axis=0) / (queries - 1)))
    ratios_RM = _ratios(centred_QM, resamplings, generator)
    ratios_RM[:, alike_M] = 0.0
    low_M = mean_M - np.quantile(ratios_RM, 0.975, axis=0, method="higher") * error_M
    high_M = mean_M - np.quantile(ratios_RM, 0.025, axis=0, method="lower") * error_M
    observed_M = mean_M / error_M
    rarer_M = np.minimum((ratios_RM >= observed_M).sum(axis=0), (ratios_RM <= observed_M).sum(axis=0))
    p_M = np.minimum(1.0, 2 * (1 + rarer_M) / (1 + resamplings))
    p_M[alike_M] = np.where(np.abs(mean_M[alike_M]) <= NOISE, 1.0, 0.5 ** (queries - 1))
    return low_M.clip(least, most), high_M.clip(least, most), p_M


def _ratios(centred_QM: Values, resamplings: int, generator: np.random.Generator) -> Values:
    """Draw queries with replacement; give mean over standard error of each draw: float64[R, M]."""
    queries = len(centred_QM)
    drawn_RQ = generator.integers(queries, size=(resamplings, queries))
    counts_RQ = (drawn_RQ[:, :, None] == np.arange(queries)).sum(axis=1)
    mean_RM = counts_RQ @ centred_QM / queries
    variance_RM = counts_RQ @ centred_QM**2 / queries - mean_RM**2
    scale_M = np.abs(centred_QM).max(axis=0)
    mean_RM[np.abs(mean_RM) <= NOISE * scale_M] = 0.0
    equal_RM = variance_RM <= NOISE * scale_M**2
    error_RM = np.sqrt(np.where(equal_RM, 1.0, variance_RM) / (queries - 1))
    beyond_RM = np.where(mean_RM == 0, 0.0, np.copysign(np.inf, mean_RM))
    return np.where(equal_RM, beyond_RM, mean_RM / error_RM)
