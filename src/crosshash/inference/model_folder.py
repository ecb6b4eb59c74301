"""A trained model on disk: `model.safetensors` and `model.json`, all that is needed to encode, no pickle."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from crosshash.artifacts import atomic_path, read_json, write_json
from crosshash.checksums import digest_of
from crosshash.codes.trained_codes import ModelFacts
from crosshash.config.plans.base import Settings
from crosshash.embeddings.frozen_encoders import FrozenEncoder, load_encoders
from crosshash.errors import CrosshashError
from crosshash.models.method import Method
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import Tower, build_towers
from crosshash.models.weights.tensors import Tensors, read_stored, write_tensors
from crosshash.protocols import BitScalable, Prepare, Quantising, TrainingInputs
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality

WEIGHTS, CARD = "model.safetensors", "model.json"
REMEDY = "Run `dvc repro train`."


@dataclass(frozen=True)
class ModelCard:
    """What `model.json` says: how to build the networks again, and what was kept.

    threads: of the CPU that it was trained on; None on CUDA, or where that was not recorded. curves: digest
    of the files that DVCLive wrote of the same training, which have no place for one. encoders: digest of the
    frozen networks whose vectors it was trained on, empty where there are none.
    """

    method: str
    train_bits: int
    settings: Settings
    image: TowerSpec
    text: TowerSpec
    best_epoch: int
    threads: int | None = None
    curves: str = ""
    encoders: str = ""


@dataclass(frozen=True)
class Model:
    """A model ready to encode; digest: in hex, of all that it was loaded from.

    frozen: by modality, the network whose vectors the method reads, where they were loaded too.
    """

    card: ModelCard
    method: Method
    prepare_image: Prepare
    prepare_text: Prepare
    digest: str
    frozen: Mapping[Modality, FrozenEncoder] = field(default_factory=dict)


def build_method(card: ModelCard, towers: tuple[Tower, Tower], inputs: TrainingInputs | None) -> Method:
    """Make the method around its networks, by the module of its name."""
    module = importlib.import_module(f"crosshash.methods.{card.method}")
    method: Method = module.build(*towers, card.train_bits, inputs, **card.settings)
    return method


def save_model(folder: Path, card: ModelCard, state: Tensors) -> None:
    """Write the folder, complete or not at all, and see that it is on the disk: its checkpoint goes next."""
    values = {**card.__dict__, "image": card.image.as_json(), "text": card.text.as_json()}
    with atomic_path(folder, durable=True) as temporary:
        temporary.mkdir()
        write_tensors(temporary / WEIGHTS, state)
        write_json(temporary / CARD, values)


def load_model(folder: Path, encoders: Path | None = None) -> Model:
    """Build the networks again and fill in the trained weights, ready to encode on the CPU.

    encoders: the folder of the frozen networks, for who has pictures and captions and not their vectors.

    Raises:
        CrosshashError: a folder is missing, cut, damaged, or of another version.
    """
    raw = read_json(folder / CARD)
    card = card_of(raw, folder / CARD)
    towers = build_towers(card.image, card.text, empty=True)
    try:
        method = build_method(card, towers, None)
    except (ModuleNotFoundError, TypeError) as error:
        raise _of_another_version(folder / CARD, error) from None
    weights = folder / WEIGHTS
    stored = read_stored(weights, REMEDY)
    try:
        method.load_state_dict(stored.tensors)
    except RuntimeError as error:
        raise CrosshashError(
            f"{weights}: does not fit {CARD} ({str(error).splitlines()[0]}). {REMEDY}"
        ) from None
    method.eval()
    image, text = towers
    frozen = load_encoders(encoders, card.encoders) if encoders is not None and card.encoders else {}
    return Model(card, method, image.prepare, text.prepare, _digest(raw, stored.digest), frozen)


def model_facts(model: Model) -> ModelFacts:
    """Take out of a model what later stages need of it beside the real codes."""
    method = model.method
    significances, book, known = None, None, None
    if isinstance(method, BitScalable):
        significances = {name: one.double().cpu().numpy() for name, one in method.significances().items()}
    if isinstance(method, Quantising):
        book = method.dictionaries().cpu().numpy()
        known = method.known_words().cpu().numpy().astype(np.int64)
    train_bits, vector_code = model.card.train_bits, method.vector_code()
    return ModelFacts(model.digest, train_bits, significances, book, known, vector_code)


def digest_on_disk(folder: Path) -> str:
    """Give the digest that a model would have which is loaded now, without loading one.

    Raises:
        CrosshashError: the folder is missing or cut.
    """
    try:
        return _digest(read_json(folder / CARD), digest_of(folder / WEIGHTS, head=True))
    except OSError as error:
        raise CrosshashError(f"{folder / WEIGHTS}: cannot be read ({error.strerror}). {REMEDY}") from None


def _digest(raw: object, weights: str) -> str:
    told = json.dumps(raw, sort_keys=True) + weights
    return hashlib.sha256(told.encode()).hexdigest()


def card_of(raw: dict[str, Any], path: Path) -> ModelCard:
    """Take what model.json holds for a card; `path`: what messages call it.

    Raises:
        CrosshashError: it was written by another version.
    """
    try:
        image, text = (TowerSpec.of_json(raw[one]) for one in MODALITIES)
        return ModelCard(**{**raw, "image": image, "text": text})
    except (TypeError, KeyError) as error:
        raise _of_another_version(path, error) from None


def _of_another_version(path: Path, error: Exception) -> CrosshashError:
    return CrosshashError(f"{path}: was written by another version ({error}). {REMEDY}")
