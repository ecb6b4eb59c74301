"""Networks over shards as work for other processes and machines: they load the networks from folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from crosshash.artifacts import read_npz, write_npz
from crosshash.codes.trained_codes import Block
from crosshash.config.plans.infer import InferPlan
from crosshash.embeddings.embed_shards import embedder
from crosshash.embeddings.frozen_encoders import load_encoders
from crosshash.embeddings.vectors import Embeddings, read_embeddings
from crosshash.errors import CrosshashError
from crosshash.inference.device import set_up_inference
from crosshash.inference.encoding import shard_encoder
from crosshash.inference.model_folder import Model, load_model
from crosshash.pairs.table import PARTS
from crosshash.shards.tar_files import shard_names
from crosshash.workers.units import Advance, Make, Unit


@dataclass(frozen=True)
class Embedding:
    """Frozen networks over the shards of `data`; folder, digest: of the networks; device: its name."""

    data: Path
    folder: Path
    digest: str
    device: str

    def ready(self) -> Make:
        """Load the networks."""
        set_up_inference(threads=1)
        return embedder(self.data, load_encoders(self.folder, self.digest), torch.device(self.device))


@dataclass(frozen=True)
class Inference:
    """A trained model over the shards of `data`; embeddings: folder of the vectors that it reads."""

    data: Path
    model: Path
    digest: str
    embeddings: Path
    plan: InferPlan

    def ready(self) -> Make:
        """Load the model.

        Raises:
            CrosshashError: another one stands there by now.
        """
        set_up_inference(self.plan.threads)
        model = load_model(self.model)
        if model.digest != self.digest:
            raise CrosshashError(f"{self.model}: holds another model than when this work began. Run again.")
        return inferrer(self.data, model, read_embeddings(self.embeddings), self.plan)


def inferrer(data: Path, model: Model, embeddings: Embeddings, plan: InferPlan) -> Make:
    """Make the function that writes the real codes of a shard's items, the shard told by part and number."""
    encoded = shard_encoder(model, data, embeddings, plan)

    def infer(shard: tuple[str, int], path: Path, advance: Advance) -> None:
        blocks = []
        for block in encoded(*shard):
            advance(len(block.rows))
            blocks.append(block)
        names = ("rows", "image", "text", "has_text")
        arrays = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in names}
        write_npz(path, arrays, packed=False)

    return infer


def inference_units(data: Path) -> list[Unit]:
    """List the shards of a data set as units of work."""
    return [
        Unit(f"{name}.npz", (part, number), count)
        for part in PARTS
        for number, (name, count) in enumerate(shard_names(data, part))
    ]


def inferred_blocks(data: Path, state: Path) -> Iterator[Block]:
    """Give the real codes of all shards, once they are in the work's folder.

    Raises:
        CrosshashError: a file is missing or damaged.
    """
    for unit in inference_units(data):
        yield Block(**read_npz(state / unit.name))
