"""Canonical correlation analysis: the directions in which two sets of variables agree most.

Source: Hotelling, Relations between two sets of variates, Biometrika 1936; with a penalty, as Gong et al.,
TPAMI 2013, doi 10.1109/TPAMI.2012.193.
Shapes: P and Q variables, K directions.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from crosshash.projections.covariance import Matrix
from crosshash.projections.eigen import factor, leading, penalised


def canonical_projections(
    first_PP: Matrix, second_QQ: Matrix, cross_PQ: Matrix, most: int, penalty: float
) -> tuple[Matrix, Matrix, NDArray[np.float64]]:
    """Solve S_pq (S_qq + r)^-1 S_qp w = s^2 (S_pp + r) w; gives float64[P, K], float64[Q, K] and s[K].

    K is at most `most` and the rank of S_pq. Columns have w'(S_pp + r) w = 1, correlations s fall; r is the
    penalty as a share of the mean variance. With S + r = L L' this is the singular value decomposition of
    L_p^-1 S_pq L_q'^-1, here by the eigenvectors of its product with itself on the smaller side.

    Raises:
        CrosshashError: covariances that are none.
    """
    if len(first_PP) > len(second_QQ):
        second, first, correlations = canonical_projections(second_QQ, first_PP, cross_PQ.T, most, penalty)
        return first, second, correlations
    first_factor, second_factor = (factor(penalised(one, penalty)) for one in (first_PP, second_QQ))
    half_PQ = scipy.linalg.solve_triangular(first_factor, cross_PQ, lower=True)
    whitened_PQ = scipy.linalg.solve_triangular(second_factor, half_PQ.T, lower=True).T
    squares, left = leading(whitened_PQ @ whitened_PQ.T, most)
    correlations = np.sqrt(squares)
    right = whitened_PQ.T @ left / correlations
    first = scipy.linalg.solve_triangular(first_factor, left, lower=True, trans="T")
    second = scipy.linalg.solve_triangular(second_factor, right, lower=True, trans="T")
    return np.asarray(first), np.asarray(second), correlations
