"""Codes that are no signs: what is stored of an item are bytes that decode to a vector, near its real code.

A real query is compared with the decoded vector: the score is their inner product. Asymmetric distance is
the case in which vectors are +-1. Decoded values are those of float16, and queries are whole numbers, so that
sums in float64 are exact: equal scores are equal whoever adds them up.

`none`: the float16 values themselves. `pq`: for each 4 dimensions the nearest of 16 words, two words a byte
(Jégou, Douze and Schmid, Product quantization for nearest neighbor search, TPAMI 2011,
doi 10.1109/TPAMI.2010.57). `rabitq`: the signs and a factor, so that the product of a vector with what
is stored of it is |v|^2 (Gao and Long, RaBitQ, SIGMOD 2024, doi 10.1145/3654970), for vectors around 0.
Shapes: N items, K dimensions, B bytes of an item, M = K / 4 dictionaries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hashcodes import unpack
from crosshash.codes.quantiser import block_means
from crosshash.codes.real_codes import to_half
from crosshash.errors import CrosshashError

Kind = Literal["none", "pq", "rabitq"]
KINDS: tuple[Kind, ...] = get_args(Kind)

HALF = 2  # bytes of a float16: a value, or RaBitQ's factor
GROUP, WORDS = 4, 16  # dimensions of a word of PQ, and words of a dictionary
ITEMS = 8192  # encoded at once


def stored_bits(kind: Kind, dims: int) -> int:
    """Give the bits that an item of so many dimensions takes; of `pq`, of those that fill groups of 4."""
    return {"none": 8 * HALF * dims, "pq": dims // GROUP * GROUP, "rabitq": dims + 8 * HALF}[kind]


@dataclass(frozen=True)
class VectorCode:
    """How vectors of `dims` dimensions are stored; words: of `pq`, float32[M, 16, 4], values of float16.

    Raises:
        CrosshashError: there is no such kind, or the words do not fit.
    """

    kind: Kind
    dims: int
    words: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        shape = (self.dims // GROUP, WORDS, GROUP) if self.kind == "pq" else None
        found = None if self.words is None else self.words.shape
        uneven = self.kind == "pq" and self.dims % GROUP
        if self.kind not in KINDS or self.dims < 1 or found != shape or uneven:
            raise CrosshashError(f"no code of vectors: {self.kind}, {self.dims} dimensions, words {found}.")
        if self.words is not None and not np.isfinite(self.words).all():
            raise CrosshashError("the words of a product quantiser hold values that are no finite numbers.")

    @property
    def bits(self) -> int:
        """Length of what is stored of an item."""
        return stored_bits(self.kind, self.dims)

    def encode(self, real: NDArray[np.float16]) -> NDArray[np.uint8]:
        """Give the bytes uint8[N, B] of real codes float16[N, K]."""
        if self.kind == "none":
            return np.asarray(np.ascontiguousarray(real, "<f2").view(np.uint8))
        if self.words is None:
            factor = to_half(_factors(real.astype(np.float64)))
            signs = np.packbits(real >= 0, axis=1)
            return np.concatenate([factor.astype("<f2").view(np.uint8), signs], axis=1)
        numbers = np.concatenate([_nearest(real[at : at + ITEMS], self.words) for at in _starts(real)])
        numbers = np.pad(numbers, ((0, 0), (0, len(self.words) % 2)))
        return np.asarray(numbers[:, ::2] << 4 | numbers[:, 1::2])

    def decode(self, stored: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Give the vectors float64[N, K] of bytes uint8[N, B]."""
        if self.kind == "none":
            return np.ascontiguousarray(stored).view("<f2").astype(np.float64)
        if self.words is None:
            factor = np.ascontiguousarray(stored[:, :HALF]).view("<f2").astype(np.float64)
            return factor * unpack(stored[:, HALF:], self.dims)
        numbers = np.stack([stored >> 4, stored & 15], axis=2).reshape(len(stored), -1)[:, : len(self.words)]
        return self.words[np.arange(len(self.words)), numbers].reshape(len(stored), -1).astype(np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Give what `of_arrays` takes, for a file."""
        told: dict[str, NDArray[Any]] = {"kind": np.array(self.kind), "dims": np.array(self.dims)}
        return told if self.words is None else told | {"words": self.words}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> VectorCode | None:
        """Take it from the arrays of a file; None where they are of signs.

        Raises:
            CrosshashError: they do not fit one another.
        """
        if "kind" not in arrays:
            return None
        kind = str(arrays["kind"])
        known = next((one for one in KINDS if one == kind), None)
        if known is None:
            raise CrosshashError(f"there is no kind '{kind}' of stored vectors, but {', '.join(KINDS)}.")
        return cls(known, int(arrays["dims"]), arrays.get("words"))

    def same(self, other: VectorCode | None) -> bool:
        """Say whether bytes of one can be read by the other."""
        mine, theirs = self.arrays(), {} if other is None else other.arrays()
        return mine.keys() == theirs.keys() and all(np.array_equal(mine[key], theirs[key]) for key in mine)


def fit_words(vectors: NDArray[np.floating], seed: int) -> NDArray[np.float32]:
    """Fit the words of a product quantiser to vectors float[N, K]: float32[M, 16, 4], values of float16.

    Raises:
        CrosshashError: there are fewer vectors than words.
    """
    if len(vectors) < WORDS:
        raise CrosshashError(
            f"pq needs {WORDS} vectors for the {WORDS} words of a dictionary, but there are only "
            f"{len(vectors)} images and texts to train on. Train on more pairs, or choose another quantiser."
        )
    means = block_means(vectors.astype(np.float32), vectors.shape[1] // GROUP, WORDS, seed)
    return to_half(means).astype(np.float32)


def _factors(real: NDArray[np.float64]) -> NDArray[np.float64]:
    """|v|^2 / sum |v_i| of each vector v: float64[N, 1]. Its signs times that have v's product with v."""
    sums = np.abs(real).sum(axis=1, keepdims=True)
    squares = np.square(real).sum(axis=1, keepdims=True)
    return np.asarray(np.divide(squares, sums, out=np.zeros_like(sums), where=sums > 0))


def _nearest(real: NDArray[np.float16], words: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Number the nearest word of each group, uint8[N, M]; of equally near ones the first."""
    groups = real.astype(np.float64).reshape(len(real), len(words), GROUP).transpose(1, 0, 2)
    exact = words.astype(np.float64)
    distances = np.square(exact).sum(axis=2)[:, None] - 2 * groups @ exact.transpose(0, 2, 1)
    return np.asarray(distances.argmin(axis=2).T.astype(np.uint8))


def _starts(real: NDArray[np.float16]) -> range:
    return range(0, max(1, len(real)), ITEMS)
