from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosshash.artifacts import write_npz
from crosshash.centers.training_labels import (
    check_any_label,
    check_batch,
    check_training_items,
    read_training_labels,
)
from crosshash.errors import CrosshashError

CLASSES = np.array(["cat", "dog"])


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(**arrays: np.ndarray) -> None:
    write_npz(Path("data/pets/train_labels.npz"), arrays)


def test_read() -> None:
    write(classes=CLASSES, labels=np.array([[1, 0], [1, 1]], dtype=np.uint8))
    classes, labels = read_training_labels("pets")
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
def test_files_that_do_not_fit(arrays: dict[str, np.ndarray], said: str) -> None:
    write(**arrays)
    with pytest.raises(CrosshashError, match=rf"train_labels\.npz: [\s\S]*{said}"):
        read_training_labels("pets")


def test_missing_file() -> None:
    with pytest.raises(CrosshashError, match="not found"):
        read_training_labels("pets")


def test_a_set_without_any_label_is_refused_with_the_methods_that_work() -> None:
    write(classes=CLASSES, labels=np.zeros((3, 2), np.uint8))
    with pytest.raises(CrosshashError, match=r"data/pets: .* without any: `-S method=a`, `-S method=b`\. "):
        check_any_label("pets", ["a", "b"])


def test_one_label_is_enough() -> None:
    write(classes=CLASSES, labels=np.array([[0, 0], [0, 1]], np.uint8))
    check_any_label("pets", ["a"])


def test_what_else_is_wrong_is_told_by_those_who_read_it() -> None:
    check_any_label("pets", ["a"])
    write(classes=CLASSES)
    check_any_label("pets", ["a"])


def test_a_batch_larger_than_the_training_set_is_refused() -> None:
    check_batch(64, 64)
    with pytest.raises(CrosshashError, match=r"train\.batch: 64 .* only 63 training items\..* 63 or less"):
        check_batch(63, 64)


def test_training_items_are_counted_where_there_are_any() -> None:
    check_training_items("pets", 4)
    write(classes=CLASSES)
    check_training_items("pets", 4)
    write(classes=CLASSES, labels=np.ones((3, 2), np.uint8))
    check_training_items("pets", 3)
    with pytest.raises(CrosshashError, match=r"train\.batch: 4 .* only 3 training items"):
        check_training_items("pets", 4)
