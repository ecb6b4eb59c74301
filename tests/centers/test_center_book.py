from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.artifacts import write_npz
from crosshash.centers import center_book
from crosshash.centers.center_book import CenterBook, read_centers, write_centers
from crosshash.errors import CrosshashError

CENTERS = np.array([[1, 1, 1, -1], [1, -1, -1, -1], [-1, 1, -1, -1]], dtype=np.int8)
TIES = np.array([-1, -1, 1, 1], dtype=np.int8)
BOOK = CenterBook(CENTERS, np.array(["cat", "dog", "owl"]), TIES)


def test_targets_by_hand() -> None:
    """cat alone: its centre. cat + dog: sums 2 0 0 -2, the zeros from the tie bits: + - + -.

    All three: sums 1 1 -1 -3: + + - -.
    """
    labels = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]], dtype=np.uint8)
    expected = [[1, 1, 1, -1], [1, -1, 1, -1], [1, 1, -1, -1]]
    assert BOOK.targets(labels).tolist() == expected
    assert BOOK.targets(labels).dtype == np.int8
    assert BOOK.targets(labels.astype(bool)).tolist() == expected
    assert BOOK.targets(7.0 * labels).tolist() == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 20))
def test_targets_equal_a_plain_loop(seed: int, count: int, bits: int) -> None:
    generator = np.random.default_rng(seed)
    centers = np.unique(generator.choice(np.array([-1, 1], dtype=np.int8), (count, bits)), axis=0)
    ties = generator.choice(np.array([-1, 1], dtype=np.int8), bits)
    book = CenterBook(centers, np.array([f"class {i}" for i in range(len(centers))]), ties)
    labels = generator.random((12, len(centers))) < 0.5
    labels[:, 0] |= ~labels.any(axis=1)
    for item, target in zip(labels, book.targets(labels), strict=True):
        for bit in range(bits):
            total = sum(int(centers[k, bit]) for k in range(len(centers)) if item[k])
            assert target[bit] == (1 if total > 0 else -1 if total < 0 else ties[bit])


def test_equal_labels_get_equal_targets_on_every_call_and_in_every_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Regression: tie bits that are drawn anew at each call give the same labels other targets."""
    labels = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 0]], dtype=np.uint8)
    together = BOOK.targets(labels)
    assert np.array_equal(together[0], together[2])
    assert np.array_equal(together[:1], BOOK.targets(labels[:1]))
    monkeypatch.setattr(center_book, "BLOCK", 2)
    assert np.array_equal(together, BOOK.targets(labels))


def test_rows_without_labels_are_named() -> None:
    """Regression: the mean of no centres is NaN, which a loss passes on without a word."""
    labels = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=np.uint8)
    with pytest.raises(CrosshashError, match=r"row 1\n.*row 3"):
        BOOK.targets(labels)


def test_labels_of_other_classes_are_refused() -> None:
    with pytest.raises(CrosshashError, match="3 classes"):
        BOOK.targets(np.ones((2, 4)))


def test_no_items_no_targets() -> None:
    assert BOOK.targets(np.zeros((0, 3))).shape == (0, 4)


def test_frozen_and_bits() -> None:
    assert BOOK.bits == 4
    with pytest.raises(dataclasses.FrozenInstanceError):
        BOOK.centers = CENTERS  # type: ignore[misc]


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(CrosshashError) as caught:
        CenterBook(CENTERS[[0, 0, 1]], np.array(["a", "b", "a"]), np.ones(3, np.int8))
    for said in ("class 'a' stands 2 times", "tie_bits", "same centre"):
        assert said in str(caught.value)
    assert "class 'b'" not in str(caught.value)


@pytest.mark.parametrize(
    ("centers", "classes", "ties", "said"),
    [
        (CENTERS.astype(int), BOOK.classes, TIES, "int64"),
        (CENTERS[:0], BOOK.classes[:0], TIES, "at least 1"),
        (CENTERS * 0, BOOK.classes, TIES, "nothing but"),
        (CENTERS, BOOK.classes[:2], TIES, "one name per centre"),
        (CENTERS, BOOK.classes, TIES * 2, "nothing but"),
    ],
)
def test_arrays_that_do_not_fit(
    centers: np.ndarray, classes: np.ndarray, ties: np.ndarray, said: str
) -> None:
    with pytest.raises(CrosshashError, match=said):
        CenterBook(centers, classes, ties)


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "long.npz"
    write_centers(path, BOOK)
    found = read_centers(path)
    assert found is not None
    assert np.array_equal(found.centers, CENTERS)
    assert found.classes.tolist() == ["cat", "dog", "owl"]
    assert np.array_equal(found.tie_bits, TIES)
    first = path.read_bytes()
    write_centers(path, found)
    assert path.read_bytes() == first


def test_methods_without_centers(tmp_path: Path) -> None:
    write_centers(tmp_path / "long.npz", None)
    assert read_centers(tmp_path / "long.npz") is None
    with np.load(tmp_path / "long.npz", allow_pickle=False) as file:
        assert file.files == ["used"]


def test_files_with_something_else(tmp_path: Path) -> None:
    write_npz(tmp_path / "long.npz", {"used": np.array(True), "centers": CENTERS})
    with pytest.raises(CrosshashError, match=r"long\.npz: lacks classes, tie_bits"):
        read_centers(tmp_path / "long.npz")
