"""Leading eigenvectors with settled signs, and what all projections here have in common."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from crosshash.errors import CrosshashError
from crosshash.projections.covariance import Matrix

ROUNDING = 1e-12
"""Share of the largest eigenvalue that float32 features leave where there is nothing: 1e-6, squared."""


def leading(symmetric_PP: Matrix, most: int) -> tuple[NDArray[np.float64], Matrix]:
    """Give the largest eigenvalues, falling, at most so many, and their vectors as columns: float64[P, K].

    Those that rounding may have left are not among them, so that K is at most the rank. An eigenvector is
    one up to its sign: here its largest entry is positive.
    """
    size = len(symmetric_PP)
    values, vectors = scipy.linalg.eigh(symmetric_PP, subset_by_index=(size - min(most, size), size - 1))
    kept = values > max(values[-1], 0.0) * ROUNDING
    values, vectors = values[kept][::-1], vectors[:, kept][:, ::-1]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))]
    return values, np.asarray(vectors * np.where(largest < 0, -1.0, 1.0))


def penalised(covariance_PP: Matrix, penalty: float) -> Matrix:
    """Add a penalty to the variances, given as a share of their mean: S + penalty mean(diag S) I."""
    size = len(covariance_PP)
    return np.asarray(covariance_PP + penalty * np.trace(covariance_PP) / size * np.eye(size))


def factor(penalised_PP: Matrix) -> Matrix:
    """Cholesky factor L of S = L L'.

    Raises:
        CrosshashError: S is not that of a covariance with a penalty: no variable varies.
    """
    try:
        return np.asarray(scipy.linalg.cholesky(penalised_PP, lower=True))
    except np.linalg.LinAlgError:
        raise CrosshashError(
            "the images' or the texts' features are equal for all training pairs: nothing can be projected. "
            "Look at the vectors or captions, or at model.image and model.text."
        ) from None
