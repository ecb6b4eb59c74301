"""Networks that are not trained, on disk and at work: raw pictures and captions become vectors.

They have a folder of their own beside that of the vectors: who asks a trained model needs them alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crosshash.artifacts import atomic_path, read_json
from crosshash.checksums import digest_of
from crosshash.codes.real_codes import nearest_half
from crosshash.embeddings.encoders_card import CARD, write_card
from crosshash.errors import CrosshashError
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import Tower, build_each
from crosshash.models.weights.tensors import read_stored, write_tensors
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality

REMEDY = "Run `dvc repro embed`."
BATCH = {"cpu": 16, "cuda": 64}
"""Raw values that pass through a network at once; another number would round differently.

On a CPU more at once are no faster, and take more memory.
"""

Vectors = NDArray[np.float16]


@dataclass(frozen=True)
class FrozenEncoder:
    """A network as it was published; spec: what it is built from."""

    spec: TowerSpec
    tower: Tower

    @property
    def dim(self) -> int:
        """Width of its vectors."""
        return self.tower.dim

    def embed(self, raw: Sequence[Any], device: torch.device) -> Vectors:
        """Give the vectors float16[N, dim] of pictures (bytes) or captions; no batch norm learns from them.

        float32 on the CPU, bfloat16 on CUDA.

        Raises:
            CrosshashError: values that are no numbers.
        """
        parts = [np.empty((0, self.dim), np.float16)]
        half = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
        batch = BATCH[device.type]
        for start in range(0, len(raw), batch):
            ready = np.stack([self.tower.prepare(one) for one in raw[start : start + batch]])
            with torch.inference_mode(), half:
                vectors = self.tower.network(torch.from_numpy(ready).to(device))
            parts.append(nearest_half(vectors.float().cpu().numpy()))
        return np.concatenate(parts)


@dataclass(frozen=True)
class EncodersCard:
    """What `encoders.json` says: how to build the networks again, by modality; digest: of all of the folder.

    dims: width of the vectors of each.
    """

    specs: Mapping[Modality, TowerSpec]
    dims: Mapping[Modality, int]
    digest: str


def build_encoders(
    specs: Mapping[Modality, TowerSpec], pretrained: str | None
) -> dict[Modality, FrozenEncoder]:
    """Build networks with their published weights.

    Raises:
        CrosshashError: weights that are not there or do not fit.
    """
    return {one: _still(specs[one], tower) for one, tower in build_each(specs, pretrained).items()}


def save_encoders(folder: Path, encoders: Mapping[Modality, FrozenEncoder]) -> None:
    """Write the folder, complete or not at all."""
    described = {str(one): {"spec": it.spec.as_json(), "dim": it.dim} for one, it in encoders.items()}
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for one, encoder in encoders.items():
            write_tensors(temporary / f"{one}.safetensors", encoder.tower.network.state_dict())
        digests = [digest_of(temporary / f"{one}.safetensors", head=True) for one in encoders]
        write_card(temporary, described, digests)


def read_card(folder: Path) -> EncodersCard:
    """Read what is frozen, without building it.

    Raises:
        CrosshashError: the file is missing, damaged, or of another version.
    """
    raw = read_json(folder / CARD)
    try:
        described = {one: raw["encoders"][one] for one in MODALITIES if one in raw["encoders"]}
        specs = {one: TowerSpec.of_json(it["spec"]) for one, it in described.items()}
        return EncodersCard(specs, {one: it["dim"] for one, it in described.items()}, raw["digest"])
    except (KeyError, TypeError) as error:
        raise CrosshashError(f"{folder / CARD}: was written by another version ({error}). {REMEDY}") from None


def load_encoders(folder: Path, digest: str) -> dict[Modality, FrozenEncoder]:
    """Build the networks again and fill in their weights; digest: what the model was trained on.

    Raises:
        CrosshashError: the folder is missing, damaged, or holds other networks than those.
    """
    card = read_card(folder)
    if card.digest != digest:
        raise CrosshashError(
            f"{folder}: holds other networks than those that the model was trained on. Run `dvc repro`."
        )
    found = {
        one: _still(card.specs[one], tower) for one, tower in build_each(card.specs, None, empty=True).items()
    }
    for one, encoder in found.items():
        stored = read_stored(folder / f"{one}.safetensors", REMEDY)
        try:
            encoder.tower.network.load_state_dict(stored.tensors)
        except RuntimeError as error:
            told = str(error).splitlines()[0]
            raise CrosshashError(
                f"{folder / f'{one}.safetensors'}: does not fit {CARD} ({told}). {REMEDY}"
            ) from None
    return found


def _still(spec: TowerSpec, tower: Tower) -> FrozenEncoder:
    network: nn.Module = tower.network
    network.eval().requires_grad_(False)
    return FrozenEncoder(spec, tower)
