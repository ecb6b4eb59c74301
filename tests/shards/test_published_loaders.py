"""The written .mat triple, taken as published code takes it; their expectations in our own words.

kalenforn/clip-based-cross-modal-hash, dataset/builder.py and dataset/transformer_dataset.py; from these come
QinLab-WFU/CLIP-based-Cross-Modal-Hashing, dataset/dataloader.py and dataset/base.py, and others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from PIL import Image

from crosshash.pairs.table import Pair
from crosshash.shards.mat_triple import write_mat_triple
from tests.datasets.folders import picture

CLASSES = ("bird", "cat", "dog")
TORCH_TYPES = (np.uint8, np.int8, np.int16, np.int32, np.int64, np.float32, np.float64, np.bool_)
"""What torch.from_numpy takes."""


def taken(folder: Path, name: str, keys: tuple[str, ...]) -> np.ndarray:
    """The first of the keys that a loader knows."""
    found: dict[str, np.ndarray] = scipy.io.loadmat(str(folder / name))
    return next(found[key] for key in keys if key in found)


def load_triple(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Names, captions (the one row of a [1, N] cell array) and labels; all are then indexed along axis 0."""
    captions = taken(folder, "caption.mat", ("caption", "tags", "YAll"))
    names = taken(folder, "index.mat", ("index", "imgs", "FAll"))
    labels = taken(folder, "label.mat", ("category", "LAll", "labels"))
    return names, captions[0] if captions.shape[0] == 1 else captions, labels


def item(folder: Path, triple: tuple[np.ndarray, ...], row: int, number: int) -> tuple[Any, str, np.ndarray]:
    """One item: the image opened by its stripped name, one caption by number, the label row."""
    names, captions, labels = triple
    choices = captions[row]
    return Image.open(folder / names[row].strip()), choices[number % len(choices)], labels[row]


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("per_item", [[1], [2], [1, 3, 0]])
def test_every_item_is_found_again(tmp_path: Path, count: int, per_item: list[int]) -> None:
    """One caption each, several each, and different numbers: three forms that MATLAB's arrays could take."""
    pairs = []
    for row in range(count):
        name = f"images/{'long' * (row % 3)}ä {row}.jpg"
        texts = tuple(f"caption {row}, {n} of a dög" for n in range(per_item[row % len(per_item)]))
        pairs.append(Pair(name, name, texts, (CLASSES[row % 3],), "rest"))
        (tmp_path / name).parent.mkdir(exist_ok=True)
        picture(row, (8 + row, 8)).save(tmp_path / name, "JPEG")
    write_mat_triple(tmp_path, pairs, CLASSES)
    names, captions, labels = load_triple(tmp_path)
    assert len(names) == len(captions) == len(labels) == count
    assert labels.dtype in TORCH_TYPES
    order = np.random.default_rng(0).permutation(count)
    shuffled = names[order], captions[order], labels[order]  # the loaders split by indexing
    for place, row in enumerate(order):
        for number in range(max(1, len(pairs[row].captions))):
            image, caption, marks = item(tmp_path, shuffled, place, number)
            assert image.size == (8 + row, 8)
            assert isinstance(caption, str)
            expected = pairs[row].captions
            assert caption.strip() == (expected[number] if expected else "")
            assert marks.tolist() == [name in pairs[row].labels for name in CLASSES]


def test_the_parts_have_the_published_types(tmp_path: Path) -> None:
    """Strings in a list, a cell array [1, N] of strings, a matrix of 0 and 1, as made of their lists."""
    pairs = [Pair(name, name, ("one", "two"), ("cat",), "rest") for name in ("a.jpg", "bb.jpg")]
    write_mat_triple(tmp_path, pairs, CLASSES)
    captions = np.empty(2, dtype=object)
    captions[:] = [["one", "two"], ["one", "two"]]
    theirs = {
        "index": ["a.jpg", "bb.jpg"],
        "caption": captions,
        "category": [np.array([0, 1, 0])] * 2,
    }
    for name, (key, value) in zip(("index", "caption", "label"), theirs.items(), strict=True):
        scipy.io.savemat(tmp_path / "theirs.mat", {key: value})
        expected = scipy.io.loadmat(tmp_path / "theirs.mat")[key]
        found = scipy.io.loadmat(tmp_path / f"{name}.mat")[key]
        assert found.shape == expected.shape
        assert found.dtype.kind == expected.dtype.kind or (found.dtype.kind, expected.dtype.kind) == (
            "u",
            "i",
        )
