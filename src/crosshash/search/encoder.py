"""A trained model as an encoder: captions, pictures or vectors become hash codes, each modality alone.

Whatever runs its networks: torch in a project (`trained`), onnxruntime in a bundle (`crosshash.bundle`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.bit_index import Index
from crosshash.codes.encoder_digest import describe_encoder
from crosshash.codes.hashcodes import pack, unpack
from crosshash.codes.real_codes import query_levels
from crosshash.codes.vector_code import VectorCode
from crosshash.errors import CrosshashError, listed
from crosshash.inference.packing import delivered
from crosshash.pairs.vocabulary import folded
from crosshash.retrieval.codefiles.codeset import Modality
from crosshash.search.decoding import Picture, clean_picture
from crosshash.search.words import knows_any, unknown_words
from crosshash.workers.threads import in_threads

BATCH = 256

Vectors = NDArray[np.floating]


@dataclass(frozen=True)
class Encoded:
    """Q queries: codes packed uint8[Q, ceil(K/8)], or as vectors are stored; levels int8[Q, K], what they
    are the signs of; real vectors float32[Q, d] of methods that quantise.

    scale: float64[Q, 1], what scores are divided by where queries are mixed, whose levels are int32; else the
    length of the levels. own: int64[Q], rows of the items that ask, which do not find themselves.
    """

    codes: NDArray[np.uint8]
    levels: NDArray[np.integer]
    vectors: NDArray[np.float32] | None
    scale: NDArray[np.float64] | None = None
    own: NDArray[np.int64] | None = None

    def __getitem__(self, places: Sequence[int]) -> Encoded:
        """Give some of the queries."""
        parts = (self.codes, self.levels, self.vectors, self.scale, self.own)
        return Encoded(*(None if one is None else one[places] for one in parts))  # type: ignore[arg-type]

    def lengths(self, order: Literal[1, 2]) -> NDArray[np.float64]:
        """Give what scores are divided by, float64[Q, 1]; order: of the norm, see `Encoder.norm`."""
        if self.scale is not None:
            return self.scale
        return np.asarray(np.linalg.norm(self.levels.astype(np.float64), order, axis=1, keepdims=True))


@dataclass(frozen=True)
class ModelFacts:
    """What of a trained model counts beside its networks.

    digest: in hex, of all that the model was loaded from. dims: width of the vectors that a modality's
    network reads, None where it reads pictures or captions. vocabulary: of a bag of words, else empty.
    quantises: whether real codes are kept beside the signs; vector_code: how items are stored where it is not
    by signs.
    """

    method: str
    train_bits: int
    digest: str
    dims: Mapping[Modality, int | None]
    vocabulary: tuple[str, ...]
    quantises: bool
    vector_code: VectorCode | None


@dataclass(frozen=True)
class Encoder(ABC):
    """A trained model and how its codes are shortened.

    matrix: float32[2K, 2k] of the transform; kept: int64[k], the bits that are delivered; None for methods
    without. max_side: pictures are shrunk to it first, as those of the data set were.
    """

    facts: ModelFacts
    matrix: NDArray[np.float32] | None
    kept: Index | None
    max_side: int

    @abstractmethod
    def soft(self, modality: Modality, raw: Sequence[Any] | Vectors) -> NDArray[np.float16]:
        """Run the networks over raw values that were checked: float16[N, train_bits]."""

    @property
    def bits(self) -> int:
        """Length of the delivered codes."""
        if self.vector_code is not None:
            return self.vector_code.bits
        if self.kept is not None:
            return len(self.kept)
        return self.facts.train_bits if self.matrix is None else self.matrix.shape[1] // 2

    @property
    def vector_code(self) -> VectorCode | None:
        """How items are stored where it is not by signs."""
        return self.facts.vector_code

    @property
    def norm(self) -> Literal[1, 2]:
        """What scores are divided by: the sum of a real code's absolute values, or its length as a vector."""
        return 1 if self.vector_code is None else 2

    def as_queries(self, codes: NDArray[np.uint8]) -> NDArray[np.int8]:
        """Give the levels int8[N, K] of stored items uint8[N, W]: +-1 of bits, or what vectors decode to."""
        if self.vector_code is not None:
            return query_levels(self.vector_code.decode(codes))
        return unpack(codes, self.bits)

    @property
    def description(self) -> dict[str, Any]:
        """What an index must have been made with: digest and bits."""
        return describe_encoder(self.facts.digest, self.matrix, self.kept, self.bits)

    def reads_vectors(self, modality: Modality) -> bool:
        """Say whether the network of a modality reads vectors, not pictures or captions."""
        return self.facts.dims[modality] is not None

    def texts(self, texts: Sequence[str]) -> Encoded:
        """Encode captions.

        Raises:
            CrosshashError: no text, an empty one, or a model of text vectors.
        """
        self.check_texts(texts)
        return self.encoded("text", texts)

    def pictures(self, pictures: Sequence[Picture]) -> Encoded:
        """Encode pictures of any kind: paths, contents of files or images of Pillow.

        Raises:
            BadPicture: one of them is not there, none, or too large; a path is named.
            CrosshashError: no picture, something else, or a model of image vectors.
        """
        self.check_kind("image", "pictures")
        _check_some(pictures)
        return self.encoded("image", list(in_threads(self.clean_picture, pictures)))

    def vectors(self, modality: Modality, vectors: Vectors) -> Encoded:
        """Encode vectors float[N, D] with a network that was trained on vectors.

        Raises:
            CrosshashError: the network reads something else, another width, no finite numbers, or none.
        """
        dim = self.facts.dims[modality]
        if not self.reads_vectors(modality):
            read = "captions" if modality == "text" else "picture files"
            raise CrosshashError(f"this model reads {read} (a list of them): give it those, not vectors.")
        if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.shape[1] != dim:
            raise CrosshashError(f"this model reads vectors: give it an array float[N, {dim}].")
        if vectors.dtype.kind not in "fiu":
            raise CrosshashError(f"vectors are numbers, not {vectors.dtype}.")
        broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(broken):
            raise CrosshashError(f"vector {broken[0]} holds values that are no finite numbers.")
        _check_some(vectors)
        return self.encoded(modality, vectors)

    def check_texts(self, texts: Sequence[str]) -> None:
        """Refuse what `texts` refuses, without encoding.

        Raises:
            CrosshashError: as there; empty texts are all named.
        """
        self.check_kind("text", "captions")
        _check_some(texts)
        empty = [str(row) for row, text in enumerate(texts) if not text.strip()]
        if empty:
            raise CrosshashError(f"nothing to encode in text {', '.join(empty)}: it is empty.")

    def check_words(self, texts: Sequence[str]) -> None:
        """Refuse texts of which the model knows no word, so that their code says nothing.

        Raises:
            CrosshashError: there are some; they are all named.
        """
        known = self._vocabulary
        strange = [f"'{text}'" for text in texts if known and not knows_any(text, known)]
        if strange:
            told = f" {strange[0]}. " if len(texts) == 1 else f":\n{listed(strange)}\n"
            raise CrosshashError(
                f"the model knows no word of{told}"
                "It reads a bag of words, those of its training captions; ask with other words."
            )

    def unknown_words(self, text: str) -> list[str]:
        """List the words that a bag of words has no place for; none where the network reads any text."""
        return unknown_words(text, self._vocabulary) if self._vocabulary else []

    def clean_picture(self, picture: Picture) -> bytes:
        """Decode a picture safely; give it as the JPEG that the network sees.

        Raises:
            BadPicture: it is not there, none, cut, or has too many pixels; a path is named.
        """
        return clean_picture(picture, self.max_side)

    def encoded(self, modality: Modality, raw: Sequence[Any] | Vectors) -> Encoded:
        """Encode raw values that were checked."""
        return self.packed(self.soft(modality, raw))

    def packed(self, soft: NDArray[np.float16]) -> Encoded:
        """Shorten soft codes float16[N, train_bits] to the delivered ones."""
        real = delivered(soft, self.matrix, self.kept)
        codes = pack(real) if self.vector_code is None else self.vector_code.encode(soft)
        return Encoded(codes, query_levels(real), soft.astype(np.float32) if self.facts.quantises else None)

    def check_kind(self, modality: Modality, read: str) -> None:
        """Refuse a model of vectors, which does not read `read`: pictures, or captions.

        Raises:
            CrosshashError: the network of the modality was trained on vectors.
        """
        if self.reads_vectors(modality):
            dim = self.facts.dims[modality]
            raise CrosshashError(
                f"this model was trained on {modality} vectors and reads no {read}: give it vectors, "
                f"float[N, {dim}]."
            )

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        return frozenset(map(folded, self.facts.vocabulary))


def _check_some(given: Sequence[object] | Vectors) -> None:
    if not len(given):
        raise CrosshashError("nothing to encode: the list is empty.")
