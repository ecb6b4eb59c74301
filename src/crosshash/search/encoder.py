"""A trained model as an encoder: captions, pictures or vectors become hash codes, each modality alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crosshash.centers.transform import read_transform
from crosshash.codes.bit_index import Index, read_kept_bits
from crosshash.codes.encoder_digest import describe_encoder
from crosshash.codes.hashcodes import pack
from crosshash.codes.real_codes import query_levels
from crosshash.codes.vector_code import VectorCode
from crosshash.errors import CrosshashError, listed
from crosshash.inference.encoding import Encoder as Network
from crosshash.inference.encoding import soft_codes
from crosshash.inference.model_folder import Model, digest_on_disk, load_model
from crosshash.inference.packing import delivered
from crosshash.models.tower_specs import TowerSpec
from crosshash.pairs.vocabulary import folded
from crosshash.protocols import BitScalable, Prepare, Quantising
from crosshash.retrieval.codefiles.codeset import Modality
from crosshash.search.decoding import Picture, clean_picture, longest_side
from crosshash.search.words import knows_any, unknown_words
from crosshash.workers.threads import in_threads

BATCH = 256

Vectors = NDArray[np.floating]


@dataclass(frozen=True)
class Encoded:
    """Q queries: codes packed uint8[Q, ceil(K/8)], or as vectors are stored; levels int8[Q, K], what they
    are the signs of; real vectors float32[Q, d] of methods that quantise.
    """

    codes: NDArray[np.uint8]
    levels: NDArray[np.int8]
    vectors: NDArray[np.float32] | None


@dataclass(frozen=True)
class Encoder:
    """A trained model and how its codes are shortened.

    artifacts: the folder that all of it was loaded from, which may hold another one by now.
    matrix: float32[2K, 2k] of the transform; kept: int64[k], the bits that are delivered; None for methods
    without. max_side: pictures are shrunk to it first, as those of the data set were.
    """

    model: Model
    artifacts: Path
    matrix: NDArray[np.float32] | None
    kept: Index | None
    max_side: int
    device: torch.device

    @property
    def bits(self) -> int:
        """Length of the delivered codes."""
        if self.vector_code is not None:
            return self.vector_code.bits
        if self.kept is not None:
            return len(self.kept)
        return self.model.card.train_bits if self.matrix is None else self.matrix.shape[1] // 2

    @cached_property
    def vector_code(self) -> VectorCode | None:
        """How items are stored where it is not by signs."""
        return self.model.method.vector_code()

    @property
    def description(self) -> dict[str, Any]:
        """What an index must have been made with: digest and bits."""
        return describe_encoder(self.model.digest, self.matrix, self.kept, self.bits)

    def is_on_disk(self) -> bool:
        """Say whether the folder still holds what was loaded from it."""
        try:
            kept = (
                None
                if self.kept is None
                else read_kept_bits(self.artifacts / "codes", self.model.card.train_bits)
            )
            matrix = read_transform(self.artifacts / "transform.npz")
            found = describe_encoder(digest_on_disk(self.artifacts / "model"), matrix, kept, self.bits)
        except CrosshashError:
            return False
        return found == self.description

    def reads_vectors(self, modality: Modality) -> bool:
        """Say whether the network of a modality reads vectors, not pictures or captions."""
        return self._spec(modality).reads_vectors

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
        spec = self._spec(modality)
        if not self.reads_vectors(modality):
            read = "captions" if modality == "text" else "picture files"
            raise CrosshashError(f"this model reads {read} (a list of them): give it those, not vectors.")
        if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.shape[1] != spec.dim:
            raise CrosshashError(f"this model reads vectors: give it an array float[N, {spec.dim}].")
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

    def soft(self, modality: Modality, raw: Sequence[Any] | Vectors) -> NDArray[np.float16]:
        """Run the networks over raw values that were checked: float16[N, train_bits]."""
        if modality in self.model.frozen:
            raw = self.model.frozen[modality].embed(list(raw), self.device)
        prepare: Prepare = getattr(self.model, f"prepare_{modality}")
        network: Network = getattr(self.model.method, f"encode_{modality}")
        # Decoding a picture lets other threads run, and is worth one; reading words is neither.
        several = modality == "image" and len(raw) > 1 and not isinstance(raw, np.ndarray)
        ready = list(in_threads(prepare, raw)) if several else [prepare(one) for one in raw]
        return soft_codes(network, ready, BATCH, self.device)

    def packed(self, soft: NDArray[np.float16]) -> Encoded:
        """Shorten soft codes float16[N, train_bits] to the delivered ones."""
        real = delivered(soft, self.matrix, self.kept)
        quantises = isinstance(self.model.method, Quantising)
        codes = pack(real) if self.vector_code is None else self.vector_code.encode(soft)
        return Encoded(codes, query_levels(real), soft.astype(np.float32) if quantises else None)

    def check_kind(self, modality: Modality, read: str) -> None:
        """Refuse a model of vectors, which does not read `read`: pictures, or captions.

        Raises:
            CrosshashError: the network of the modality was trained on vectors.
        """
        if self.reads_vectors(modality):
            dim = self._spec(modality).dim
            raise CrosshashError(
                f"this model was trained on {modality} vectors and reads no {read}: give it vectors, "
                f"float[N, {dim}]."
            )

    def _spec(self, modality: Modality) -> TowerSpec:
        return self.model.card.text if modality == "text" else self.model.card.image

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        return frozenset(map(folded, self.model.card.text.vocabulary))


def load_encoder(project: Path, device: str = "cpu") -> Encoder:
    """Load the model that `dvc repro` left in a project's folder.

    Raises:
        CrosshashError: there is none, or its files do not fit together.
    """
    artifacts = project / "artifacts"
    model = load_model(artifacts / "model", artifacts / "encoders")
    for network in (model.method, *(encoder.tower.network for encoder in model.frozen.values())):
        network.to(device)
    kept = (
        read_kept_bits(artifacts / "codes", model.card.train_bits)
        if isinstance(model.method, BitScalable)
        else None
    )
    matrix = read_transform(artifacts / "transform.npz")
    return Encoder(model, artifacts, matrix, kept, longest_side(project / "plan"), torch.device(device))


def _check_some(given: Sequence[object] | Vectors) -> None:
    if not len(given):
        raise CrosshashError("nothing to encode: the list is empty.")
