"""Pairs of vectors and words that a small TwDH can learn, as batches in memory."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from crosshash.methods.twdh import Twdh
from crosshash.protocols import TrainingInputs
from crosshash.readers.words import bag_reader, vector_reader
from crosshash.shards.prepared import PreparedItem, item_reader
from crosshash.shards.reading import Reading
from crosshash.shards.training_batches import MemoryBatches, batches_of
from tests.methods.cases import CLASSES, DIM, WORDS, inputs, method

NAMES = tuple(f"class {c}" for c in range(CLASSES))


def items(count: int, seed: int = 0, first_row: int = 0) -> list[PreparedItem]:
    """Item n is of class n mod 3, as its vector and the first word of its two captions show."""
    generator = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(0, 2, (CLASSES, DIM))
    bag = bag_reader(WORDS)
    found = []
    for row in range(count):
        label = row % CLASSES
        vector = vector_reader(middles[label] + generator.normal(0, 1, DIM))
        captions = [f"{WORDS[label]} {WORDS[3 + int(generator.integers(4))]}" for _ in range(2)]
        texts = tuple(bag(caption) for caption in captions)
        found.append(PreparedItem(first_row + row, str(first_row + row), vector, texts, (NAMES[label],)))
    return found


def batches(count: int = 30, batch: int = 8, seed: int = 0) -> MemoryBatches:
    reading = Reading(NAMES, item_reader(vector_reader, bag_reader(WORDS)), batch, seed, "random")
    return batches_of(items(count, seed), reading)


def learner(seed: int = 0, dropout: float = 0.3) -> Twdh:
    """TwDH with dropout before the image network, so that training draws from torch's own generator."""
    known = inputs()
    labels = np.eye(CLASSES, dtype=np.uint8)[np.arange(30) % CLASSES]
    model = method(seed, known=TrainingInputs(labels, known.centers, known.tie_bits))
    model.image = nn.Sequential(nn.Dropout(dropout), model.image)
    return model


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
