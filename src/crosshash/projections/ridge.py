"""Ridge regression: the linear map nearest to given values, with a penalty on its size.

Source: Hoerl and Kennard, Ridge regression: biased estimation for nonorthogonal problems, Technometrics
1970, doi 10.1080/00401706.1970.10488634.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from crosshash.projections.covariance import Matrix
from crosshash.projections.eigen import factor, penalised


def ridge_projection(features_PP: Matrix, cross_PC: Matrix, penalty: float) -> Matrix:
    """W = (S + r)^-1 S_c, float64[P, C], from covariances of features, and of features with values.

    Minimises the mean of |(x - mean) W - (y - mean)|^2 + r |W|^2, with r the penalty times the mean variance.

    Raises:
        CrosshashError: covariances that are none.
    """
    return np.asarray(scipy.linalg.cho_solve((factor(penalised(features_PP, penalty)), True), cross_PC))
