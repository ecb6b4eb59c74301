"""Tables by which real-valued queries are compared with packed codes, a byte at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIGNS = 2.0 * np.unpackbits(np.arange(16, dtype=np.uint8)[:, None], axis=1)[:, 4:] - 1
"""The +-1 values of every four bits, float64[16, 4]."""


def byte_tables(queries: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give what each byte of a code adds to its inner product: float32[Q, 8 W] to float64[Q, W, 256].

    Pad bits of the codes count nothing where the queries are 0 there. Four bits are added in turn, then the
    two halves of a byte: compiled searches do so too, and round alike.
    """
    count, width = len(queries), queries.shape[1] // 8
    values = queries.reshape(count, width, 2, 4, 1).astype(np.float64)
    halves = values[..., 0, :] * SIGNS[:, 0]
    for bit in (1, 2, 3):
        halves += values[..., bit, :] * SIGNS[:, bit]
    tables: NDArray[np.float64] = halves[:, :, 0, :, None] + halves[:, :, 1, None, :]
    return tables.reshape(count, width, 256)
