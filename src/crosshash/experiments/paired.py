"""Paired bootstrap: how far a difference of two means over the same queries may be from that of others.

Shapes: Q queries, M measures, R resamplings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.measures.bootstrap import resampled_means
from crosshash.retrieval.measures.few_queries import FEW, studentised

RESAMPLINGS = 10_000
LEVEL = 0.05
"""Below this p a difference counts as one; the intervals are of 1 - LEVEL."""

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
    differences_QM: NDArray[np.float64], resamplings: int, generator: np.random.Generator
) -> Paired:
    """Resample the queries with replacement, the same draw for all measures.

    Interval: percentiles 2.5 and 97.5 of the resampled means. p = 2 (1 + n) / (1 + resamplings), at most
    1, with n the resampled means at or beyond zero on the rarer side: the interval turned round, so both
    agree. Source: Efron & Tibshirani 1993, chapters 13 and 15; the ones: Davison & Hinkley 1997, chapter 4.
    Of few queries, whose differences lie in [-1, 1], both come from `studentised`.
    """
    if len(differences_QM) < FEW:
        return _few(differences_QM, resamplings, generator)
    means_RM = resampled_means(differences_QM, resamplings, generator)
    means_RM[np.abs(means_RM) < NOISE] = 0.0
    low_M, high_M = np.percentile(means_RM, [50 * LEVEL, 100 - 50 * LEVEL], axis=0)
    rarer_M = np.minimum((means_RM <= 0).sum(axis=0), (means_RM >= 0).sum(axis=0))
    p_M = np.minimum(1.0, 2 * (1 + rarer_M) / (1 + resamplings))
    return Paired(differences_QM.mean(axis=0), low_M, high_M, p_M)


def _few(differences_QM: NDArray[np.float64], resamplings: int, generator: np.random.Generator) -> Paired:
    """Do the same for few queries; where p does not count as a difference the interval reaches zero."""
    low_M, high_M, p_M = studentised(differences_QM, resamplings, generator, -1.0, 1.0)
    unsure = p_M >= LEVEL
    low_M[unsure], high_M[unsure] = np.minimum(low_M[unsure], 0.0), np.maximum(high_M[unsure], 0.0)
    return Paired(differences_QM.mean(axis=0), low_M, high_M, p_M)
