"""A small TwDH over vectors and bags of words, with labels, centres and a transform drawn from a seed."""

from __future__ import annotations

import numpy as np
import torch

from crosshash.methods.twdh import Twdh, build
from crosshash.models.towers import TowerSpec, build_towers
from crosshash.protocols import PairBatch, TrainingInputs

DIM, HIDDEN, BITS, SHORT = 5, 16, 8, 4
CLASSES = 3
WORDS = tuple("abcdefg")
IMAGE = TowerSpec("mlp", "mlp", HIDDEN, DIM)
TEXT = TowerSpec("bow", "bow", HIDDEN, vocabulary=WORDS)


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
