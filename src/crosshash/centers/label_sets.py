"""Which label sets items have, and how often each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.different_rows import different_rows


def label_sets(labels: NDArray[np.generic]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Give the different rows of labels [N, C], given where not zero: bool[S, C], rising, and int64[S]."""
    given = np.asarray(labels) != 0
    packed = np.packbits(given, axis=1)  # the first class is the highest bit
    places, counts = different_rows(packed)
    return given[places], counts
