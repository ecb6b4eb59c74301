from __future__ import annotations

import numpy as np
import pytest

from crosshash.centers.center_book import CenterBook
from crosshash.centers.losslessness import bits_kept, centers_exact, label_sets_kept, losslessness
from crosshash.centers.transform import identity_transform, spread

NAMES = np.array(["cat", "dog"])
LONG = CenterBook(
    np.array([[1, 1, 1, 1], [1, 1, -1, -1]], dtype=np.int8), NAMES, np.array([1, -1, 1, -1], dtype=np.int8)
)
SHORT = CenterBook(np.array([[1, 1], [1, -1]], dtype=np.int8), NAMES, np.array([-1, 1], dtype=np.int8))
FIRST_AND_THIRD = spread(np.array([[1.0, 0], [0, 0], [0, 1.0], [0, 0]]))
"""The short code is made of the long bits 0 and 2."""


def test_centers_by_hand() -> None:
    assert centers_exact(FIRST_AND_THIRD, LONG, SHORT) == 1.0
    first_twice = spread(np.array([[1.0, 1.0], [0, 0], [0, 0], [0, 0]]))
    assert centers_exact(first_twice, LONG, SHORT) == 0.5


def test_label_sets_by_hand() -> None:
    """cat + dog: long sums 2 2 0 0 make + + + -, bits 0 and 2 are + +; the short target is + and tie bit +.

    With the short tie bit -1 on the second place that bit is wrong: 3 items, 6 bits, one wrong.
    """
    labels = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.uint8)
    assert label_sets_kept(FIRST_AND_THIRD, LONG, SHORT, labels) == 1.0
    other = CenterBook(SHORT.centers, NAMES, np.array([-1, -1], dtype=np.int8))
    assert label_sets_kept(FIRST_AND_THIRD, LONG, other, labels) == pytest.approx(5 / 6)


def test_label_sets_count_as_often_as_items_have_them() -> None:
    labels = np.array([[1, 0]] * 3 + [[1, 1]], dtype=np.uint8)
    other = CenterBook(SHORT.centers, NAMES, np.array([-1, -1], dtype=np.int8))
    assert label_sets_kept(FIRST_AND_THIRD, LONG, other, labels) == pytest.approx(7 / 8)


def test_flipped_bits_under_the_identity_are_the_wrong_ones() -> None:
    """A transform that copies every bit keeps exactly the share that was not flipped."""
    generator = np.random.default_rng(0)
    for share in (0.0, 0.25, 0.5, 1.0):
        kept = bits_kept(identity_transform(4), LONG, LONG, share, generator)
        assert kept == pytest.approx(1 - share)


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bits_are_drawn_often(seed: int) -> None:
    """Two of four long bits are flipped, so each short one is wrong in half of 1000 draws, within 0.01."""
    kept = bits_kept(FIRST_AND_THIRD, LONG, SHORT, 0.5, np.random.default_rng(seed))
    assert kept == pytest.approx(0.5, abs=0.05)


def test_table_has_the_shares_of_the_file_and_depends_on_the_seed_alone() -> None:
    labels = np.array([[1, 0], [1, 1]], dtype=np.uint8)
    found = losslessness(FIRST_AND_THIRD, LONG, SHORT, labels, 0)
    assert list(found) == ["centers_exact", "flipped", "training_labels"]
    assert list(found["flipped"]) == ["0.0", "0.05", "0.1", "0.2", "0.3"]
    assert found["flipped"]["0.0"] == 1.0
    assert found == losslessness(FIRST_AND_THIRD, LONG, SHORT, labels, 0)
    assert found != losslessness(FIRST_AND_THIRD, LONG, SHORT, labels, 1)


def test_figures_are_the_three_measures_to_five_digits() -> None:
    """Short bits are the long bits 0 and 2: cat + +, right; dog + - for - -, owl - - for + -, half right."""
    names = np.array(["cat", "dog", "owl"])
    centers = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [-1, 1, -1, 1]], dtype=np.int8)
    long = CenterBook(centers, names, np.array([1, 1, 1, 1], dtype=np.int8))
    short = CenterBook(
        np.array([[1, 1], [-1, -1], [1, -1]], dtype=np.int8), names, np.array([1, 1], dtype=np.int8)
    )
    labels = np.array([[1, 0, 0]] + [[0, 1, 0]] * 3 + [[0, 0, 1]] * 2, dtype=np.uint8)
    found = losslessness(FIRST_AND_THIRD, long, short, labels, 0)
    assert found["centers_exact"] == 0.33333
    assert found["training_labels"] == 0.58333  # (2 + 3 x 1 + 2 x 1) of 12
    assert found["flipped"]["0.0"] == 0.66667  # (2 + 1 + 1) of 6
    assert all(share == round(share, 5) for share in found["flipped"].values())
