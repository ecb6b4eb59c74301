from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosshash.artifacts import write_npz
from crosshash.centers.training_labels import read_training_labels
from crosshash.errors import CrosshashError

CLASSES = np.array(["cat", "dog"])


def write(folder: Path, **arrays: np.ndarray) -> None:
    write_npz(folder / "pets" / "train_labels.npz", arrays)


def test_read(tmp_path: Path) -> None:
    write(tmp_path, classes=CLASSES, labels=np.array([[1, 0], [1, 1]], dtype=np.uint8))
    classes, labels = read_training_labels("pets", tmp_path)
    assert classes.tolist() == ["cat", "dog"]
    assert labels.tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"classes": CLASSES}, r"needs classes \[C\] and labels \[N, C\]"),
        ({"classes": CLASSES, "labels": np.ones((4, 3), np.uint8)}, "needs classes"),
        ({"classes": CLASSES, "labels": np.zeros((0, 2), np.uint8)}, "2 classes, 0 training items"),
        ({"classes": CLASSES[:0], "labels": np.zeros((3, 0), np.uint8)}, "0 classes, 3 training items"),
        ({"classes": CLASSES, "labels": np.array([[1, 0], [0, 0]], np.uint8)}, "row 1"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, arrays: dict[str, np.ndarray], said: str) -> None:
    write(tmp_path, **arrays)
    with pytest.raises(CrosshashError, match=rf"train_labels\.npz: [\s\S]*{said}"):
        read_training_labels("pets", tmp_path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match="not found"):
        read_training_labels("pets", tmp_path)
