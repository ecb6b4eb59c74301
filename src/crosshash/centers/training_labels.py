"""Classes and labels of the training items, all that centres and transform may know of the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_npz
from crosshash.errors import CrosshashError, listed


def read_training_labels(dataset: str) -> tuple[NDArray[np.str_], NDArray[np.uint8]]:
    """Read data/<dataset>/train_labels.npz: classes `<U`[C] and labels uint8[N, C] with a label in each row.

    Raises:
        CrosshashError: the file is missing, has other shapes, no class, or rows without a label.
    """
    path = Path("data") / dataset / "train_labels.npz"
    arrays = read_npz(path)
    classes, labels = arrays.get("classes"), arrays.get("labels")
    if classes is None or labels is None or labels.shape != (len(labels), len(classes)):
        raise CrosshashError(
            f"{path}: needs classes [C] and labels [N, C]. Delete it and run `dvc repro convert`."
        )
    if not labels.size:
        raise CrosshashError(
            f"{path}: {len(classes)} classes, {len(labels)} training items with labels; hash centres need "
            "both. Give the data labels, or choose a method that learns without."
        )
    empty = np.flatnonzero(~labels.any(axis=1))
    if empty.size:
        rows = listed([f"row {row}" for row in empty])
        raise CrosshashError(
            f"{path}: items without labels among the training items; run `dvc repro convert` again:\n{rows}"
        )
    return classes, labels


def check_any_label(dataset: str, label_free: Sequence[str]) -> None:
    """See that a method which learns from labels has any; `label_free`: those that need none.

    What else may be wrong with the file is told by those who read it.

    Raises:
        CrosshashError: no training item has a label.
    """
    labels = _labels(dataset)
    if labels is None or labels.any():
        return
    instead = ", ".join(f"`-S method={name}`" for name in label_free)
    raise CrosshashError(
        f"data/{dataset}: no training item has a label, and the method learns from labels. Methods that "
        f"learn without any: {instead}. Or give the items labels (column `labels` of pairs.csv, split by ;)."
    )


def check_training_items(dataset: str, batch: int) -> None:
    """See that there are as many training items as a batch holds, before the trained model is taken away.

    Raises:
        CrosshashError: there are fewer.
    """
    labels = _labels(dataset)
    if labels is not None:
        check_batch(len(labels), batch)


def check_batch(count: int, batch: int) -> None:
    """Refuse a batch that is larger than the training set.

    Raises:
        CrosshashError: it is.
    """
    if count < batch:
        raise CrosshashError(
            f"params.yaml: train.batch: {batch} pairs a step, but there are only {count} training items. "
            f"Lower train.batch to {count} or less, or raise split.train."
        )


def _labels(dataset: str) -> NDArray[np.uint8] | None:
    path = Path("data") / dataset / "train_labels.npz"
    return read_npz(path).get("labels") if path.is_file() else None
