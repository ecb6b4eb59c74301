"""Labels as a matrix, and the chance that two items share one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crosshash.seeding import stream

BLOCK = 128  # label sets compared with all at once: some megabytes
SAMPLE = 20_000


def label_matrix(labels: Sequence[Sequence[str]], classes: Sequence[str]) -> np.ndarray:
    """Turn label names into uint8[N, C]; columns in the order of `classes`.

    Raises:
        KeyError: a label that is no class.
    """
    column = {name: index for index, name in enumerate(classes)}
    matrix = np.zeros((len(labels), len(classes)), dtype=np.uint8)
    rows = np.repeat(np.arange(len(labels)), np.fromiter(map(len, labels), np.intp, len(labels)))
    names = chain.from_iterable(labels)
    matrix[rows, np.fromiter(map(column.__getitem__, names), np.intp, len(rows))] = 1
    return matrix


def label_columns(labels: pa.ChunkedArray, classes: Sequence[str]) -> np.ndarray:
    """Turn a column of lists of label names into uint8[N, C], without a Python object for any of them.

    Raises:
        KeyError: a label that is no class.
    """
    known, row = pa.array(classes, pa.string()), 0
    matrix = np.zeros((len(labels), len(classes)), dtype=np.uint8)
    for chunk in labels.chunks:
        names = chunk.flatten()
        columns = pc.index_in(names, value_set=known)
        if columns.null_count:
            raise KeyError(names[columns.is_null().index(True).as_py()].as_py())
        counts = pc.list_value_length(chunk).to_numpy()
        rows = np.repeat(np.arange(row, row + len(chunk)), counts)
        matrix[rows, columns.to_numpy()] = 1
        row += len(chunk)
    return matrix


def mean_labels(labels: Sequence[Sequence[str]]) -> float | None:
    """Give the mean number of labels of the items that have any; None where no item has one."""
    counts = [len(names) for names in labels if names]
    return sum(counts) / len(counts) if counts else None


def sharing_chance(labels: Sequence[Sequence[str]], classes: Sequence[str]) -> float | None:
    """Give the share of pairs of two different labelled items with a common label.

    All pairs are looked at, equal label sets once; above SAMPLE items, all pairs of a sample of that many,
    drawn the same way each time. None below two items.

    Raises:
        KeyError: a label that is no class.
    """
    labelled = [names for names in labels if names]
    if len(labelled) > SAMPLE:
        chosen = stream(0, "chance").choice(len(labelled), SAMPLE, replace=False)
        labelled = [labelled[row] for row in chosen.tolist()]
    n = len(labelled)
    if n < 2:
        return None
    packed, counts = np.unique(
        np.packbits(label_matrix(labelled, classes), axis=1), axis=0, return_counts=True
    )
    sets = np.unpackbits(packed, axis=1).astype(np.float32)
    weights = counts.astype(np.float32)  # whole numbers up to SAMPLE: exact
    sharing = 0
    for start in range(0, len(sets), BLOCK):
        common = (sets[start : start + BLOCK] @ sets.T > 0).astype(np.float32)
        sharing += int(counts[start : start + BLOCK] @ (common @ weights).astype(np.int64))
    return (sharing - n) / (n * (n - 1))
