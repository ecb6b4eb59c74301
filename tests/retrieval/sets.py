"""Sets of codes for tests: random ones, and ones written out bit by bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import write_npz
from crosshash.codes.hashcodes import HashCodes, pack
from crosshash.retrieval.codefiles.codeset import CodeSet


def hash_codes(signs: NDArray[np.generic], ids: NDArray[np.str_]) -> HashCodes:
    """Codes of +-1 [N, K]."""
    return HashCodes(pack(signs), signs.shape[1], ids)


def code_set(
    prefix: str,
    image: Sequence[Sequence[int]] | NDArray[np.generic],
    text: Sequence[Sequence[int]] | NDArray[np.generic],
    labels: Sequence[Sequence[int]] | NDArray[np.uint8],
    has_text: Sequence[bool] | None = None,
    has_labels: Sequence[bool] | None = None,
    names: Sequence[int] | None = None,
) -> CodeSet:
    """Signs +-1 [N, K] of image and text, labels [N, C]; ids are the prefix and a number."""
    labels = np.asarray(labels, dtype=np.uint8)
    items = len(labels)
    ids = np.array([f"{prefix}{name}" for name in (range(items) if names is None else names)], np.str_)
    return CodeSet(
        hash_codes(np.asarray(image), ids),
        hash_codes(np.asarray(text), ids),
        labels,
        np.array([f"class {c}" for c in range(labels.shape[1])]),
        np.array([True] * items if has_text is None else has_text, dtype=bool),
        np.array([True] * items if has_labels is None else has_labels, dtype=bool),
    )


def random_set(
    prefix: str, generator: np.random.Generator, items: int, bits: int = 16, classes: int = 4
) -> CodeSet:
    image, text = generator.choice([-1, 1], size=(2, items, bits))
    return code_set(prefix, image, text, generator.random((items, classes)) < 0.4)


def arrays(codes: CodeSet) -> dict[str, NDArray[np.generic]]:
    """The file form of a set."""
    return {
        "image": codes.image.packed,
        "text": codes.text.packed,
        "labels": codes.labels,
        "ids": codes.ids,
        "bits": np.array(codes.bits),
        "classes": codes.classes,
        "has_text": codes.has_text,
        "has_labels": codes.has_labels,
    }


def write_set(path: Path, codes: CodeSet) -> None:
    write_npz(path, arrays(codes))
