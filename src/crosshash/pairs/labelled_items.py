"""The items of a data set as arrays: what codes are written and scored with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosshash.pairs.info import read_info
from crosshash.pairs.labels import label_columns
from crosshash.pairs.table import read_columns, texts


@dataclass(frozen=True)
class LabelledItems:
    """What the pair table says of N items: ids `<U`[N], labels uint8[N, C], part `<U`[N]; the classes."""

    ids: np.ndarray
    labels: np.ndarray
    part: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, *parts: str) -> np.ndarray:
        """Give the rows of some parts, rising: int64[M]."""
        return np.flatnonzero(np.isin(self.part, parts))


def read_labelled_items(data: Path) -> LabelledItems:
    """Read ids, labels and parts of all items of a data set's folder (`data/<dataset>`).

    Raises:
        CrosshashError: a file is missing, cut or of another layout.
    """
    classes = read_info(data).classes
    table = read_columns(data, ["id", "labels", "part"])
    none = np.zeros((len(table), 0), np.uint8)
    labels = label_columns(table["labels"], classes) if classes else none
    return LabelledItems(texts(table["id"]), labels, texts(table["part"]), classes)
