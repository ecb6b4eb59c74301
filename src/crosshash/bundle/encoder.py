"""The model of a bundle as an encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_npz
from crosshash.bundle.manifest import Manifest, read_part
from crosshash.bundle.networks import Networks
from crosshash.codes.vector_code import VectorCode
from crosshash.protocols import Prepare
from crosshash.readers.described import Described, reader_of
from crosshash.retrieval.codefiles.codeset import Modality
from crosshash.search.encoder import Encoder, ModelFacts, Vectors
from crosshash.workers.threads import in_threads

SHORTENING = "shortening.npz"
"""Arrays `matrix`, `kept` and `words` (of vectors), those that there are."""
PARTS = {"tokenizer": "tokenizer.json", "vocabulary": "vocabulary.txt"}
"""Long values of a reader's description, and the files that they stand in."""


@dataclass(frozen=True)
class BundleEncoder(Encoder):
    """Readers are made when they are asked first: a tokenizer takes a moment."""

    networks: Networks
    described: Mapping[Modality, Described]
    readers: dict[Modality, Prepare] = field(default_factory=dict)

    def soft(self, modality: Modality, raw: Sequence[Any] | Vectors) -> NDArray[np.float16]:
        """Run the networks over raw values that were checked: float16[N, train_bits]."""
        prepare, described = self.reader(modality), self.described[modality]
        several = described["kind"] == "pictures" and len(raw) > 1
        ready = list(in_threads(prepare, raw)) if several else [prepare(one) for one in raw]
        open_ended = described["kind"] == "tokens" and "fill" not in described
        return self.networks.run(modality, ready, open_ended)

    def reader(self, modality: Modality) -> Prepare:
        """Give what turns a raw value into a network's input."""
        if modality not in self.readers:
            self.readers[modality] = reader_of(self.described[modality])
        return self.readers[modality]

    def load_all(self) -> None:
        """Load what would be loaded when it is asked first.

        Raises:
            CrosshashError: a network cannot be loaded.
        """
        for modality in self.described:
            self.reader(modality)
            self.networks.session(modality)


def bundle_encoder(folder: Path, manifest: Manifest) -> BundleEncoder:
    """Make the encoder of a bundle whose files were checked."""
    arrays = read_npz(folder / SHORTENING)
    code = manifest.vectors and VectorCode(manifest.vectors, manifest.train_bits, arrays.get("words"))
    described = {one: _whole(folder, reader) for one, reader in manifest.readers.items()}
    words = described["text"].get("vocabulary", ())
    dims: dict[Modality, int | None] = {**manifest.dims}
    facts = ModelFacts(
        manifest.method,
        manifest.train_bits,
        manifest.digest,
        dims,
        tuple(words),
        manifest.quantises,
        code or None,
    )
    matrix, kept = arrays.get("matrix"), arrays.get("kept")
    return BundleEncoder(facts, matrix, kept, manifest.max_side, Networks(folder), {**described})


def _whole(folder: Path, reader: Described) -> Described:
    """Read the parts of a description that stand in files of their own."""
    whole = dict(reader)
    for key, name in PARTS.items():
        if key in whole:
            text = read_part(folder, name)
            whole[key] = text.split("\n")[:-1] if key == "vocabulary" else text
    return whole
