"""The model that `dvc repro` left in a project's folder, as an encoder, by torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crosshash.centers.transform import read_transform
from crosshash.codes.bit_index import read_kept_bits
from crosshash.codes.encoder_digest import describe_encoder
from crosshash.errors import CrosshashError
from crosshash.inference.encoding import Encoder as Network
from crosshash.inference.encoding import soft_codes
from crosshash.inference.model_folder import Model, digest_on_disk, load_model
from crosshash.protocols import BitScalable, Prepare, Quantising
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.search.decoding import longest_side
from crosshash.search.encoder import BATCH, Encoder, ModelFacts, Vectors
from crosshash.workers.threads import in_threads


@dataclass(frozen=True)
class TrainedEncoder(Encoder):
    """artifacts: the folder that all of it was loaded from, which may hold another one by now."""

    model: Model
    artifacts: Path
    device: torch.device

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


def load_encoder(project: Path, device: str = "cpu", before: Encoder | None = None) -> TrainedEncoder:
    """Load the model that `dvc repro` left in a project's folder; `before`, where that is it.

    Raises:
        CrosshashError: there is none, or its files do not fit together.
    """
    artifacts, side = project / "artifacts", longest_side(project / "plan")
    if isinstance(before, TrainedEncoder) and before.max_side == side and before.is_on_disk():
        return before
    model = load_model(artifacts / "model", artifacts / "encoders")
    for network in (model.method, *(encoder.tower.network for encoder in model.frozen.values())):
        network.to(device)
    kept = (
        read_kept_bits(artifacts / "codes", model.card.train_bits)
        if isinstance(model.method, BitScalable)
        else None
    )
    matrix = read_transform(artifacts / "transform.npz")
    return TrainedEncoder(facts_of(model), matrix, kept, side, model, artifacts, torch.device(device))


def facts_of(model: Model) -> ModelFacts:
    """Take out of a model what counts beside its networks."""
    card = model.card
    specs = {one: card.text if one == "text" else card.image for one in MODALITIES}
    return ModelFacts(
        card.method,
        card.train_bits,
        model.digest,
        {one: spec.dim if spec.reads_vectors else None for one, spec in specs.items()},
        card.text.vocabulary,
        isinstance(model.method, Quantising),
        model.method.vector_code(),
    )
