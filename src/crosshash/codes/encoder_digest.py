"""Which encoder made some codes: a digest of everything that turns a picture or a text into its code."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.bit_index import Index

NAME = "encoder.json"


def describe_encoder(
    model: str, matrix: NDArray[np.float32] | None, kept: Index | None, bits: int
) -> dict[str, Any]:
    """Give `{"digest", "bits"}`: sha256 over what was loaded, not over the files as they are by now.

    model: digest of the model. matrix: float32[2K, 2k] of the transform; kept: int64[k], the bits that are
    delivered; None for methods without.
    """
    digest = hashlib.sha256(model.encode())
    for array in (matrix, kept):
        digest.update(b"none" if array is None else f"{array.dtype.str}{array.shape}".encode())
        digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    return {"digest": digest.hexdigest(), "bits": bits}
