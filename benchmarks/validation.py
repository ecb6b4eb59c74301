"""The validation queries among the items that are searched, and the training items that they search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_json
from crosshash.retrieval.codefiles.codeset import CodeSet


def validation_sets(retrieval: CodeSet, dataset: Path) -> tuple[CodeSet, CodeSet]:
    """Give the codes of the validation queries and of the training items; dataset: its converted folder."""
    split = read_json(dataset / "split.json")
    val, train = (_take(retrieval, np.isin(retrieval.ids, split[part])) for part in ("val_query", "train"))
    return val, train


def _take(codes: CodeSet, rows: NDArray[np.bool_]) -> CodeSet:
    """Give some items of a set."""
    return CodeSet(
        codes.image.take(rows),
        codes.text.take(rows),
        codes.labels[rows],
        codes.classes,
        codes.has_text[rows],
        codes.has_labels[rows],
    )
