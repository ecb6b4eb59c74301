"""The nearest rows of an index: by hash codes, by real queries against codes or vectors, in two stages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.real_codes import Distance
from crosshash.codes.vector_code import VectorCode
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.index.reranked_search import search_two_stages
from crosshash.index.vectors import search_vectors
from crosshash.retrieval.codefiles.codeset import Modality
from crosshash.search.encoder import Encoded, Encoder
from crosshash.search.folders.index_folder import IndexFolder
from crosshash.search.grown.grown_codes import AnyIndex
from crosshash.search.stored import StoredCodes, StoredIndex

Rows = NDArray[np.int64]


def own_distance(index: IndexFolder | StoredIndex) -> Distance | None:
    """Say by which distance an index is searched where nobody does; None: in two stages, by a quantiser."""
    if index.quantiser is not None:
        return None
    return "asymmetric" if index.statistics.get("distance") == "asymmetric" else "hamming"


def nearest(
    encoder: Encoder,
    index: IndexFolder | StoredIndex,
    encoded: Encoded,
    answers: Modality,
    top: int,
    keep: Any,  # noqa: ANN401 - rows, or labels for a store
    distance: Distance | None,
) -> tuple[Rows, NDArray[np.int32] | list[None], NDArray[np.float32]]:
    """Give rows int64[Q, T], Hamming distances and scores of each query, NaN for none; see `Searcher.find`.

    distance: None for the index's own.

    Raises:
        CrosshashError: Hamming distance of vectors, or the search itself is refused (`CodeIndex.search`).
    """
    codes, quantiser, vectors = index.codes[answers], index.quantiser, encoder.vector_code
    if vectors is not None and not isinstance(codes, StoredCodes):
        return by_vectors(codes, vectors, encoded, top, keep, distance)
    distance = distance or own_distance(index)
    if distance == "asymmetric" or encoded.scale is not None:
        return by_real_codes(codes, encoded, top, keep)
    if distance is not None or quantiser is None or encoded.vectors is None or isinstance(codes, StoredCodes):
        rows, distances = codes.search(encoded.codes, top, keep)
        return rows, distances, np.full(rows.shape, np.nan, np.float32)
    words = quantiser.words[answers]
    return search_two_stages(
        codes, encoded.codes, encoded.vectors, words, quantiser.codebook, quantiser.rerank, top, keep
    )


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
    return rows, distances, (products / encoded.lengths(1)).astype(np.float32)


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
    return rows, [None] * len(rows), (products / encoded.lengths(2)).astype(np.float32)
