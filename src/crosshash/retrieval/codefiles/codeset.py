"""The codes of one side of the search, as the encode stage writes them, read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_npz
from crosshash.codes.hashcodes import HashCodes
from crosshash.codes.vector_code import VectorCode
from crosshash.errors import CrosshashError, listed

Modality = Literal["image", "text"]
MODALITIES: tuple[Modality, ...] = ("image", "text")
TASKS: dict[str, tuple[Modality, Modality]] = {
    "i2t": ("image", "text"),
    "t2i": ("text", "image"),
    "i2i": ("image", "image"),
    "t2t": ("text", "text"),
}
"""Which modality asks and which answers."""
CROSS_MODAL = ("i2t", "t2i")
"""The tasks in which one modality asks and the other answers."""

VALIDATED = 10_000
"""Training items that validation queries search at most: the first, an order that is drawn by seed."""

BLOCK = 1 << 14
"""Items whose labels are looked at together."""

KEYS = ("image", "text", "labels", "ids", "bits", "classes", "has_text", "has_labels")


@dataclass(frozen=True)
class CodeSet:
    """Image and text codes of N items, with what is known of them.

    labels: uint8[N, C] of 0 and 1; classes: `<U`[C]; has_text, has_labels: bool[N]. Without a text the text
    code means nothing; without labels nothing is known of the item's relevance. vector_code: how codes are
    read that are no signs; then there is no Hamming distance.

    Raises:
        CrosshashError: shapes or values do not fit.
    """

    image: HashCodes
    text: HashCodes
    labels: NDArray[np.uint8]
    classes: NDArray[np.str_]
    has_text: NDArray[np.bool_]
    has_labels: NDArray[np.bool_]
    vector_code: VectorCode | None = None

    def __post_init__(self) -> None:
        problems = []
        if self.labels.shape != (len(self), len(self.classes)):
            problems.append(
                f"labels are {list(self.labels.shape)}, items and classes {len(self)} and {len(self.classes)}"
            )
        elif (row := _other_than_binary(self.labels)) is not None:
            problems.append(f"labels of row {row} are not all 0 or 1")
        for name in ("has_text", "has_labels"):
            flags = getattr(self, name)
            if flags.dtype != np.bool_ or flags.shape != (len(self),):
                problems.append(f"{name} is {flags.dtype}{list(flags.shape)}, bool[{len(self)}] is needed")
        if self.vector_code is not None and self.vector_code.bits != self.bits:
            problems.append(f"codes are of {self.bits} bits, those of vectors of {self.vector_code.bits}")
        if problems:
            raise CrosshashError(f"these arrays are no set of codes:\n{listed(problems)}")

    def __len__(self) -> int:
        return len(self.image)

    @property
    def bits(self) -> int:
        """Length of the codes."""
        return self.image.bits

    @property
    def dims(self) -> int:
        """Numbers of a query's real code."""
        return self.bits if self.vector_code is None else self.vector_code.dims

    @property
    def ids(self) -> NDArray[np.str_]:
        """Names of the items: `<U`[N]."""
        return self.image.ids

    def take(self, rows: NDArray[np.integer]) -> CodeSet:
        """Give the items of some rows int[M]."""
        return CodeSet(
            self.image.take(rows),
            self.text.take(rows),
            self.labels[rows],
            self.classes,
            self.has_text[rows],
            self.has_labels[rows],
            self.vector_code,
        )

    def packed(self, modality: Modality) -> NDArray[np.uint8]:
        """Codes of one modality: uint8[N, ceil(K/8)]."""
        return self.image.packed if modality == "image" else self.text.packed

    def has(self, modality: Modality) -> NDArray[np.bool_]:
        """Which items have a code of this modality: bool[N]; every item has an image."""
        return np.ones(len(self), dtype=bool) if modality == "image" else self.has_text


def _other_than_binary(labels: NDArray[np.generic]) -> int | None:
    """Give the first row with another value than 0 and 1."""
    for start in range(0, len(labels), BLOCK):
        block = labels[start : start + BLOCK]
        wrong = np.flatnonzero(((block != 0) & (block != 1)).any(axis=1))
        if len(wrong):
            return start + int(wrong[0])
    return None


def read_code_set(path: Path) -> CodeSet:
    """Read one file of the encode stage, `query.npz` for example.

    Raises:
        CrosshashError: the file is missing or cut, lacks arrays or holds others; all problems are named.
    """
    arrays = read_npz(path)
    absent = [key for key in KEYS if key not in arrays]
    if absent:
        raise CrosshashError(
            f"{path}: no array {', '.join(absent)}; there are: {', '.join(arrays) or 'none'}. "
            "Codes are written by `dvc repro encode`, see docs/architecture.md."
        )
    try:
        bits, ids = int(arrays["bits"]), arrays["ids"]
        return CodeSet(
            HashCodes(arrays["image"], bits, ids),
            HashCodes(arrays["text"], bits, ids),
            arrays["labels"],
            arrays["classes"],
            arrays["has_text"],
            arrays["has_labels"],
            VectorCode.of_arrays(arrays),
        )
    except (CrosshashError, TypeError, ValueError) as error:
        raise CrosshashError(f"{path}: {error}") from None


def check_fit(query: CodeSet, retrieval: CodeSet, names: tuple[str, str]) -> None:
    """Refuse sets that cannot be searched with one another; `names` are what messages call them.

    Raises:
        CrosshashError: a set is empty, code lengths or classes differ, or an item is in both; all named.
    """
    problems = [
        f"{name} has no item" for name, codes in zip(names, (query, retrieval), strict=True) if not len(codes)
    ]
    if query.bits != retrieval.bits:
        problems.append(f"{names[0]} has codes of {query.bits} bits, {names[1]} of {retrieval.bits}")
    mine, theirs = query.vector_code, retrieval.vector_code
    if mine is not theirs and (mine is None or not mine.same(theirs)):
        problems.append(f"{names[0]} and {names[1]} hold vectors that are stored in different ways")
    if not np.array_equal(query.classes, retrieval.classes):
        problems.append(
            f"{names[0]} has {len(query.classes)} classes, {names[1]} {len(retrieval.classes)}; "
            "they must be the same ones, in the same order"
        )
    shared = np.intersect1d(query.ids, retrieval.ids)
    if shared.size:
        problems.append(
            f"{shared.size} ids are in both, '{shared[0]}' for one: a query may not find its own pair"
        )
    if problems:
        raise CrosshashError(f"these codes cannot be scored:\n{listed(problems)}")
