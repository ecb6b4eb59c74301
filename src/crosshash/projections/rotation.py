"""Rotations in front of the sign: random ones, and those of ITQ, which bring values close to +-1.

Source: Gong, Lazebnik, Gordo and Perronnin, Iterative quantization: a Procrustean approach to learning
binary codes, TPAMI 2013, doi 10.1109/TPAMI.2012.193.
Shapes: N items, D projected dimensions, K bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.projections.covariance import Matrix

ITERATIONS = 50  # as published


def random_rotation(dims: int, bits: int, generator: np.random.Generator) -> Matrix:
    """Draw float64[D, K], uniformly among orthogonal matrices, or of those the first rows where K > D.

    Its rows are orthonormal, so that D dimensions spread over K bits without a change of inner products.
    """
    triangle = np.linalg.qr(generator.standard_normal((bits, bits)))
    # The factors of LAPACK's QR are uniform only with this sign (Mezzadri, 2007); it settles them too.
    rotation = triangle.Q * np.where(np.diagonal(triangle.R) < 0, -1.0, 1.0)
    return np.asarray(rotation[:dims], np.float64)


def itq(values_ND: NDArray[np.floating], start_DK: Matrix, iterations: int = ITERATIONS) -> Matrix:
    """Turn a rotation so that |sign(V R) - V R| falls: float64[D, K] with orthonormal rows, K >= D.

    Each iteration takes B = sign(V R), zero as +1, then the R nearest to it: with V'B = U S W', R = U W'.
    (Published for K = D; for K > D the same step is right, as |V R| does not depend on R.)
    """
    rotation = start_DK
    for _ in range(iterations):
        signs = np.where(values_ND @ rotation >= 0, 1.0, -1.0)
        left, _, right = np.linalg.svd(values_ND.T @ signs, full_matrices=False)
        rotation = left @ right
    return rotation
