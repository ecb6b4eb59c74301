"""How far a mean over queries may be from that of other queries of the same kind.

Shapes: Q queries, M measures, R resamplings, r those of a block. Source: Efron & Tibshirani 1993, chapter 13.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.measures.few_queries import FEW, studentised
from crosshash.retrieval.ranking.compiled import compiled

BLOCK = 1 << 20  # drawn queries held at once


def intervals(
    values_QM: NDArray[np.float64], resamplings: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Give the 95 % intervals of the means of all columns in [0, 1], from the same draws: float64[2, M].

    Their ends are percentiles of the resampled means; of few queries those of `studentised`. Without
    resamplings (0) both ends are the mean itself.
    """
    if resamplings == 0:
        return np.stack([values_QM.mean(axis=0)] * 2)
    if len(values_QM) < FEW:
        return np.stack(studentised(values_QM, resamplings, generator, 0.0, 1.0)[:2])
    means_RM = resampled_means(values_QM, resamplings, generator)
    return np.asarray(np.percentile(means_RM, [2.5, 97.5], axis=0))


def resampled_means(
    values_QM: NDArray[np.float64], resamplings: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Draw Q queries with replacement, again and again; give the means of all columns: float64[R, M]."""
    queries, means, table_QM = len(values_QM), [], np.ascontiguousarray(values_QM)
    step = max(1, BLOCK // queries)
    for start in range(0, resamplings, step):
        rows = min(step, resamplings - start)
        means.append(_means(table_QM, generator.integers(queries, size=(rows, queries))))
    return np.concatenate(means)


@compiled
def _means(values_QM: NDArray[np.float64], drawn_rQ: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means of the drawn rows: float64[r, M]; summed in the order of the draw, so the same everywhere."""
    sums_rM = np.zeros((len(drawn_rQ), values_QM.shape[1]))
    for r in range(len(drawn_rQ)):
        for q in drawn_rQ[r]:
            for m in range(values_QM.shape[1]):
                sums_rM[r, m] += values_QM[q, m]
    sums_rM /= drawn_rQ.shape[1]
    return sums_rM
