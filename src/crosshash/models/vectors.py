"""Encoders for vectors and bags of words: what an image or text becomes when it is not pixels or tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor, nn

from crosshash.data.vocabulary import known_words


class VectorEncoder(nn.Module):
    """float[B, D] -> float[B, hidden]: one hidden layer over vectors or word counts.

    scaled: bring every column to the mean and deviation of the training set first (constant columns become
    zero). Right for vectors of any unit; wrong for words, of which the rare ones would drown the others.
    """

    def __init__(self, dim: int, hidden: int, *, scaled: bool) -> None:
        super().__init__()
        self.scale = nn.BatchNorm1d(dim, affine=False) if scaled else nn.Identity()
        self.hidden = nn.Linear(dim, hidden)

    def forward(self, vectors: Tensor) -> Tensor:
        """Embed vectors."""
        embedding: Tensor = nn.functional.relu(self.hidden(self.scale(vectors.float())))
        return embedding


def bag_reader(vocabulary: Sequence[str]) -> Callable[[str], np.ndarray]:
    """Make the function that turns a caption into float32[V]: 1 where the word occurs."""
    position = {word.lower(): column for column, word in enumerate(vocabulary)}

    def prepare(caption: str) -> np.ndarray:
        bag = np.zeros(len(vocabulary), np.float32)
        bag[[position[word] for word in known_words(caption, position)]] = 1
        return bag

    return prepare


def vector_reader(vector: np.ndarray) -> np.ndarray:
    """Give a vector as float32[D]."""
    return np.asarray(vector, np.float32)
