"""Real codes of the queries in whole numbers, as the encode stage writes them beside the codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_npz
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import MODALITIES, CodeSet, Modality

NAME = "query_real.npz"


def read_real_queries(path: Path, query: CodeSet) -> dict[Modality, NDArray[np.int8]]:
    """Read what the codes of the queries are made from: int8[Q, K] by modality.

    Raises:
        CrosshashError: the file is missing, cut, or not of these queries.
    """
    arrays = read_npz(path)
    shape = (len(query), query.dims)
    found: dict[Modality, NDArray[np.int8]] = {one: arrays[one] for one in MODALITIES if one in arrays}
    if len(found) < len(MODALITIES) or any(
        one.shape != shape or one.dtype != np.int8 for one in found.values()
    ):
        raise CrosshashError(f"{path}: its rows are not those of the codes; run `dvc repro encode`.")
    return found
