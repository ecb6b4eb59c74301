"""Means and covariances of a whole training set, added up batch by batch: memory does not grow with it.

Shapes: B items of a batch, P and Q variables.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


class Covariance:
    """Covariance of two sets of variables of the same items, or of one with itself.

    Sums are of what stands around the means of the first batch: those of squares alone would lose the
    digits of variables far from zero.
    """

    def __init__(self) -> None:
        self.items = 0

    def add(self, first_BP: NDArray[np.floating], second_BQ: NDArray[np.floating]) -> None:
        """Add a batch, float[B, P] and float[B, Q]."""
        first, second = first_BP.astype(np.float64), second_BQ.astype(np.float64)
        if not self.items:
            self._origins = first.mean(axis=0), second.mean(axis=0)
            self._sums = np.zeros(first.shape[1]), np.zeros(second.shape[1])
            self._products = np.zeros((first.shape[1], second.shape[1]))
        shifted = first - self._origins[0], second - self._origins[1]
        for total, part in zip(self._sums, shifted, strict=True):
            total += part.sum(axis=0)
        self._products += shifted[0].T @ shifted[1]
        self.items += len(first)

    @property
    def means(self) -> tuple[Matrix, Matrix]:
        """Means of both: float64[P], float64[Q]."""
        first, second = (
            origin + total / self.items for origin, total in zip(self._origins, self._sums, strict=True)
        )
        return first, second

    def matrix(self) -> Matrix:
        """Covariances, divided by the number of items: float64[P, Q]."""
        first, second = (total / self.items for total in self._sums)
        return self._products / self.items - np.outer(first, second)
