"""Searches in which the query stays real: against hash codes, and against stored vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.real_codes import Distance
from crosshash.codes.vector_code import VectorCode
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.index.vectors import search_vectors
from crosshash.search.encoder import Encoded
from crosshash.search.grown.grown_codes import AnyIndex
from crosshash.search.stored import StoredCodes

Rows = NDArray[np.int64]


def by_real_codes(
    codes: AnyIndex | StoredCodes,
    encoded: Encoded,
    top: int,
    keep: Any,  # noqa: ANN401 - rows, or labels for a store
) -> tuple[Rows, NDArray[np.int32], NDArray[np.float32]]:
    """Give rows by asymmetric distance, their Hamming distances, and how much of the real code agrees."""
    levels = encoded.levels.astype(np.float32)
    rows, products = codes.search_real(levels, top, keep)
    distances = np.bitwise_count(codes.codes_of(rows) ^ encoded.codes[:, None]).sum(axis=2, dtype=np.int32)
    return rows, distances, (products / np.abs(levels).sum(axis=1, keepdims=True)).astype(np.float32)


def by_vectors(
    codes: AnyIndex,
    vectors: VectorCode,
    encoded: Encoded,
    top: int,
    keep: Rows | None,
    distance: Distance | None,
) -> tuple[Rows, list[None], NDArray[np.float32]]:
    """Give rows by inner product, no Hamming distances, and the products with the query of length 1.

    Raises:
        CrosshashError: Hamming distance was asked for, or the index holds codes in mapped files.
    """
    if not isinstance(codes, CodeIndex):
        raise CrosshashError(
            f"this model stores vectors ({vectors.kind}), the index is of hash codes: run `dvc repro index`."
        )
    if distance == "hamming":
        raise CrosshashError(
            f"this model stores vectors ({vectors.kind}), of which there is no Hamming distance: ask for the "
            "asymmetric one, or for none."
        )
    rows, products = search_vectors(codes, vectors, encoded.levels, top, keep)
    sizes = np.linalg.norm(encoded.levels.astype(np.float64), axis=1, keepdims=True)
    return rows, [None] * len(rows), (products / sizes).astype(np.float32)
