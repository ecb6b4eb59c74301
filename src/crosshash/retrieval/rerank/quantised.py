"""Quantised and real vectors beside the codes, as the encode stage writes them for methods that quantise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_npz
from crosshash.codes.quantiser import Codebook
from crosshash.errors import CrosshashError, listed
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality

REMEDY = "Run `dvc repro encode`."
KEYS = ("codebook", *MODALITIES, "query_image", "query_text")


@dataclass(frozen=True)
class QuantisedSet:
    """What a search by quantised vectors needs.

    words: of the retrieval set by modality, uint8 or uint16[N, M]; queries: real vectors of the queries by
    modality, float32[Q, d]. Rows are those of the codes; where has_text is false, text rows mean nothing.

    Raises:
        CrosshashError: shapes or values do not fit; all problems are named.
    """

    codebook: Codebook
    words: dict[Modality, NDArray[np.integer]]
    queries: dict[Modality, NDArray[np.float32]]

    def __post_init__(self) -> None:
        dictionaries, size, dim = self.codebook.dictionaries.shape
        problems = []
        for name, words in self.words.items():
            if words.dtype.kind != "u" or words.ndim != 2 or words.shape[1] != dictionaries:
                problems.append(f"{name} is {words.dtype}{list(words.shape)}, not uint[N, {dictionaries}]")
            elif words.max(initial=0) >= size:
                problems.append(f"{name} names word {words.max()}; there are {size}")
        problems += [
            problem
            for name, found in self.queries.items()
            for problem in _broken(f"query_{name}", found, dim)
        ]
        if problems:
            raise CrosshashError(f"these arrays are no quantised set:\n{listed(problems)}")


def read_quantised(path: Path, items: int, queries: int | None = None) -> QuantisedSet | None:
    """Read `quantised.npz`; None where the method does not quantise.

    Raises:
        CrosshashError: the file is missing, cut, or not of so many items and queries.
    """
    arrays = _read(path, KEYS)
    if arrays is None:
        return None
    try:
        found = QuantisedSet(
            Codebook(arrays["codebook"]),
            {name: arrays[name] for name in MODALITIES},
            {name: arrays[f"query_{name}"] for name in MODALITIES},
        )
    except CrosshashError as error:
        raise CrosshashError(f"{path}: {error} {REMEDY}") from None
    _check_rows(path, found.words, items)
    if queries is not None:
        _check_rows(path, found.queries, queries)
    return found


def read_real(path: Path, items: int, dim: int) -> dict[Modality, NDArray[np.float32]]:
    """Read the real vectors of the retrieval set from `real.npz`: by modality, float32[N, d].

    Raises:
        CrosshashError: the file is missing, cut, of a method that has none, or not of so many items.
    """
    arrays = _read(path, MODALITIES)
    if arrays is None:
        raise CrosshashError(f"{path}: is of another run than quantised.npz beside it. {REMEDY}")
    problems = [problem for name in MODALITIES for problem in _broken(name, arrays[name], dim)]
    if problems:
        raise CrosshashError(f"{path}: holds other arrays than real vectors:\n{listed(problems)}\n{REMEDY}")
    vectors = {name: arrays[name] for name in MODALITIES}
    _check_rows(path, vectors, items)
    return vectors


def _read(path: Path, keys: tuple[str, ...]) -> dict[str, NDArray[Any]] | None:
    arrays = read_npz(path)
    if not arrays.get("used"):
        return None
    absent = [key for key in keys if key not in arrays]
    if absent:
        raise CrosshashError(f"{path}: no array {', '.join(absent)}. {REMEDY}")
    return arrays


def _check_rows(path: Path, arrays: Mapping[Modality, NDArray[Any]], rows: int) -> None:
    if any(len(array) != rows for array in arrays.values()):
        raise CrosshashError(f"{path}: its rows are not those of the codes beside it. {REMEDY}")


def _broken(name: str, vectors: NDArray[np.generic], dim: int) -> list[str]:
    if vectors.dtype != np.float32 or vectors.ndim != 2 or vectors.shape[1] != dim:
        return [f"{name} is {vectors.dtype}{list(vectors.shape)}, not float32[N, {dim}]"]
    rows = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    return [f"{name}, row {rows[0]}: no finite numbers ({len(rows)} rows)"] if len(rows) else []
