from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.io

from crosshash.data.mat import HEADER, write_mat, write_mat_triple
from crosshash.data.pairs import Pair

PAIRS = [
    Pair("im/1.jpg", "im/1.jpg", ("a cat", 'a "grey" cat, asleep'), ("cat",), "train"),
    Pair("im/22ä.jpg", "im/22ä.jpg", (), (), "rest"),
    Pair("im/3.jpg", "im/3.jpg", ("ein schöner\nHund \N{DOG FACE}",), ("cat", "dog"), "query"),
]


def load(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = scipy.io.loadmat(path)
    return found


def test_triple_reads_back(tmp_path: Path) -> None:
    write_mat_triple(tmp_path, PAIRS, ("dog", "cat"))
    index = load(tmp_path / "index.mat")["index"]
    assert [text.strip() for text in index] == ["im/1.jpg", "im/22ä.jpg", "im/3.jpg"]
    labels = load(tmp_path / "label.mat")["category"]
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[0, 1], [0, 0], [1, 1]]


def test_captions_as_published_loaders_take_them(tmp_path: Path) -> None:
    """They take row 0 of a [1, N] cell array, then one of an item's captions by number."""
    write_mat_triple(tmp_path, PAIRS, ("dog", "cat"))
    captions = load(tmp_path / "caption.mat")["caption"]
    assert captions.shape == (1, 3)
    texts = [[text.strip() for text in cell] for cell in captions[0]]
    assert texts == [["a cat", 'a "grey" cat, asleep'], [""], ["ein schöner\nHund \N{DOG FACE}"]]


def test_equal_numbers_of_captions_stay_one_cell_per_item(tmp_path: Path) -> None:
    pairs = [Pair(name, name, ("one", "two"), (), "rest") for name in "ab"]
    write_mat_triple(tmp_path, pairs, ())
    assert load(tmp_path / "caption.mat")["caption"].shape == (1, 2)
    assert load(tmp_path / "label.mat")["category"].shape == (2, 0)


def test_no_time_of_writing_in_the_header(tmp_path: Path) -> None:
    arrays = {"q_img": np.array([[1, -1]], dtype=np.int8)}
    write_mat(tmp_path / "a.mat", arrays)
    data = (tmp_path / "a.mat").read_bytes()
    assert data.startswith(HEADER)
    assert len(HEADER) == 116
    assert b"Created on" not in data
    assert load(tmp_path / "a.mat")["q_img"].tolist() == [[1, -1]]
