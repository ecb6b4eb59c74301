"""Small methods over vectors and bags of words, or pictures and captions; everything drawn from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import chdir
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from crosshash.config.params import Params
from crosshash.config.resolve import resolve
from crosshash.inference.model_folder import ModelCard, build_method
from crosshash.methods.twdh import Twdh, build
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.protocols import PairBatch, TrainingInputs
from crosshash.seeding import stream

ROOT = Path(__file__).resolve().parents[2]

DIM, HIDDEN, BITS, SHORT = 9, 16, 8, 4
CLASSES = 3
WORDS = tuple("abcdefghi")
IMAGE = TowerSpec("mlp", "mlp", HIDDEN, DIM)
TEXT = TowerSpec("bow", "bow", HIDDEN, vocabulary=WORDS)
SIDE, LENGTH, TOKENS = 32, 6, 40
CLIP = TowerSpec(  # a ResNet, whose BatchNorms hold running statistics, and a transformer
    "clip",
    "small",
    config={
        "embed_dim": 24,
        "vision_cfg": {"image_size": SIDE, "layers": [1, 1, 1, 1], "width": 4, "head_width": 32},
        "text_cfg": {"context_length": LENGTH, "vocab_size": TOKENS, "width": 16, "heads": 2, "layers": 3},
    },
)
KINDS = ("vectors", "pictures")
SMALL = {"train_bits": BITS, "words": 4, "negatives": 8}
"""Settings that say how large something is, whichever method they belong to."""


def signs(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return generator.choice([-1, 1], shape).astype(np.int8)


def inputs(items: int = 40, seed: int = 0) -> TrainingInputs:
    generator = np.random.default_rng(seed)
    labels = (generator.random((items, CLASSES)) < 0.4).astype(np.uint8)
    labels[labels.sum(axis=1) == 0, 0] = 1
    return TrainingInputs(
        labels=labels,
        centers=signs(generator, CLASSES, BITS),
        tie_bits=signs(generator, BITS),
        short_matrix=generator.normal(0, 1, (2 * BITS, 2 * SHORT)).astype(np.float32),
        short_centers=signs(generator, CLASSES, SHORT),
        short_ties=signs(generator, SHORT),
    )


def method(seed: int = 0, short_weight: float = 0.0, known: TrainingInputs | None = None) -> Twdh:
    torch.manual_seed(seed)
    towers = build_towers(IMAGE, TEXT)
    return build(*towers, BITS, known or inputs(), quan_weight=0.5, short_weight=short_weight)


def batch(items: int, seed: int = 0) -> PairBatch:
    generator = np.random.default_rng(seed)
    known = inputs(items, seed)
    return PairBatch(
        torch.from_numpy(generator.normal(0, 1, (items, DIM)).astype(np.float32)),
        torch.from_numpy((generator.random((items, len(WORDS))) < 0.5).astype(np.float32)),
        torch.from_numpy(known.labels).float(),
        torch.arange(items),
    )


# Any method, by its own section of params.yaml


@cache
def plans(name: str) -> Mapping[str, Any]:
    """Resolve params.yaml for a method, all that is large made small."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw |= {"method": name, "bits": BITS, "device": "cpu"}
    raw[name] |= {key: value for key, value in SMALL.items() if key in raw[name]}
    with chdir(ROOT):
        return resolve(Params.model_validate(raw))


def card(name: str, kind: str = "vectors") -> ModelCard:
    """Describe the small model of a method."""
    plan = plans(name)["train"]
    layers = plan.model.layers
    vectors = (
        TowerSpec("mlp", "mlp", HIDDEN, DIM, layers=layers),
        TowerSpec("bow", "bow", HIDDEN, vocabulary=WORDS, layers=layers),
    )
    specs = vectors if kind == "vectors" else (CLIP, CLIP)
    if (name, kind) == ("shared", "vectors"):
        specs = (
            vectors[0],
            vectors[0],
        )  # the bag of words as a vector: as wide, so that they can share a space
    return ModelCard(name, plan.train_bits, plan.settings, *specs, best_epoch=0)


def make(name: str, kind: str = "vectors", items: int = 40, seed: int = 0) -> Any:  # noqa: ANN401
    """Build a method for training on the items of `pairs`; a module as well as a Method."""
    torch.manual_seed(seed)
    model = card(name, kind)
    return build_method(model, build_towers(model.image, model.text), inputs(items))


def pairs(kind: str, items: int, seed: int = 0) -> PairBatch:
    """Items with the labels of `inputs`, which their vectors and pictures show a little."""
    vectors = batch(items, seed)
    if kind == "vectors":
        shown = vectors.image + vectors.labels @ torch.eye(CLASSES, DIM)
        return PairBatch(shown, vectors.text, vectors.labels, vectors.index)
    generator = np.random.default_rng(seed)
    pixels = torch.from_numpy(generator.integers(0, 200, (items, 3, SIDE, SIDE)).astype(np.uint8))
    pixels += (50 * vectors.labels[:, :, None, None]).to(torch.uint8)
    tokens = torch.zeros(items, LENGTH, dtype=torch.int64)
    tokens[:, 0], tokens[:, 3] = TOKENS - 2, TOKENS - 1
    tokens[:, 1:3] = torch.from_numpy(generator.integers(1, TOKENS - 2, (items, 2)))
    return PairBatch(pixels, tokens, vectors.labels, vectors.index)


def rows_of(whole: PairBatch, rows: torch.Tensor) -> PairBatch:
    return PairBatch(whole.image[rows], whole.text[rows], whole.labels[rows], whole.index[rows])


@dataclass(frozen=True)
class FixedBatches:
    """Items as they are, in batches of `size`; the last one holds what is left."""

    whole: PairBatch
    size: int = 8

    def __len__(self) -> int:
        return -(-len(self.whole.index) // self.size)

    def epoch(self, epoch: int) -> Iterator[PairBatch]:
        order = torch.from_numpy(stream(0, "order", epoch).permutation(len(self.whole.index)))
        return (rows_of(self.whole, rows) for rows in torch.split(order, self.size))

    def in_order(self) -> Iterator[PairBatch]:
        return (rows_of(self.whole, rows) for rows in torch.split(self.whole.index, self.size))
