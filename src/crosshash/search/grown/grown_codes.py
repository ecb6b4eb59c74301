"""Codes of an index with changes beside its files, in memory; of very many, the files stay where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.index.code_index import CodeIndex
from crosshash.index.large.grown import GrownLarge
from crosshash.index.large.large_index import LargeIndex
from crosshash.retrieval.codefiles.codeset import Modality
from crosshash.retrieval.codefiles.segments import Changes

AnyIndex = CodeIndex | LargeIndex | GrownLarge


def grown_codes(index: AnyIndex, changes: Changes, modality: Modality) -> CodeIndex | GrownLarge:
    """Give an index with changes; one that is not of mapped files is changed itself, and not mapped.

    Raises:
        CrosshashError: codes of another length.
    """
    places = changes.places
    if isinstance(index, CodeIndex):
        packed, rows = changes.codes(modality, index.packed.shape[1])
        index.change(packed, rows, places)
        return index
    if isinstance(index, LargeIndex):
        index = GrownLarge.over(index)
    packed, rows = changes.codes(modality, index.added.packed.shape[1])
    return index.changed(packed, rows, places)


def grown_words(words: NDArray[Any], count: int, changes: Changes, modality: Modality) -> NDArray[Any]:
    """Give the words uint[count, M] of all items; `words`: uint[N, M] of those of the files."""
    grown = np.zeros((count, words.shape[1]), words.dtype)
    grown[: len(words)] = words
    grown[changes.places] = changes.words(modality, words.shape[1])
    return grown
