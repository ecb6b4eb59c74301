"""Tables by which real-valued queries are compared with packed codes, a byte at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIGNS = 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) - 1
"""The +-1 values of every byte, float64[256, 8]."""


def byte_tables(queries: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give what each byte of a code adds to its inner product: float32[Q, 8 W] to float64[Q, W, 256].

    Pad bits of the codes count nothing where the queries are 0 there.
    """
    groups = queries.reshape(len(queries), queries.shape[1] // 8, 8).astype(np.float64)
    tables: NDArray[np.float64] = groups @ SIGNS.T
    return tables
