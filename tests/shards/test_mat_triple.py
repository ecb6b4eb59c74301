from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from crosshash.pairs.table import Pair
from crosshash.shards.mat_triple import write_mat_triple

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


def test_labels_too_large_for_a_variable_are_never_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """1,000 items of 20,000 classes, 20 MB, where a variable may hold 1 MB."""
    monkeypatch.setattr("crosshash.shards.mat_triple.LARGEST", 1_000_000)
    classes = [f"c{number}" for number in range(20_000)]
    pairs = [Pair(str(row), str(row), ("text",), ("c7",), "rest") for row in range(1000)]
    tracemalloc.start()
    try:
        write_mat_triple(tmp_path, pairs, classes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "category 20,000,008 bytes" in caplog.text
    assert list(tmp_path.iterdir()) == []
    assert peak < 5_000_000
