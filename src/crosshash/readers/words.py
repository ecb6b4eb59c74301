"""Captions as bags of words, and vectors as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from crosshash.pairs.vocabulary import folded, known_words


def bag_reader(vocabulary: Sequence[str]) -> Callable[[str], np.ndarray]:
    """Make the function that turns a caption into float32[V]: 1 where the word occurs."""
    position = {folded(word): column for column, word in enumerate(vocabulary)}

    def prepare(caption: str) -> np.ndarray:
        bag = np.zeros(len(vocabulary), np.float32)
        bag[[position[word] for word in known_words(caption, position)]] = 1
        return bag

    return prepare


def vector_reader(vector: np.ndarray) -> np.ndarray:
    """Give a vector as float32[D]."""
    return np.asarray(vector, np.float32)
