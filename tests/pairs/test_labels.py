from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from crosshash.pairs.labels import label_matrix, mean_labels, sharing_chance


def test_matrix_follows_the_order_of_the_classes() -> None:
    matrix = label_matrix([("b",), (), ("a", "c")], ("c", "b", "a"))
    assert matrix.dtype == np.uint8
    assert matrix.tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 1]]


def test_matrix_without_classes() -> None:
    assert label_matrix([(), ()], ()).shape == (2, 0)


@pytest.mark.parametrize("seed", range(3))
def test_matrix_against_a_plain_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    classes = [f"c{number}" for number in range(7)]
    labels = [generator.choice(classes, size=generator.integers(0, 5)).tolist() for _ in range(50)]
    expected = [[int(name in names) for name in classes] for names in labels]
    assert label_matrix(labels, classes).tolist() == expected


def test_mean_is_over_labelled_items() -> None:
    """2 + 1 + 3 labels of three items; the one without counts nowhere."""
    assert mean_labels([("a", "b"), (), ("a",), ("a", "b", "c")]) == 2
    assert mean_labels([(), ()]) is None


def test_unknown_label() -> None:
    with pytest.raises(KeyError):
        label_matrix([("d",)], ("a",))


def test_chance_by_hand() -> None:
    """Of the pairs (1,2) (1,3) (2,3) of labelled items {a}, {a, b}, {b} the first and the last share: 2/3.

    The item without label counts nowhere.
    """
    labels = [("a",), ("a", "b"), (), ("b",)]
    assert sharing_chance(labels, ("a", "b")) == pytest.approx(2 / 3)


def test_chance_needs_two_items() -> None:
    assert sharing_chance([("a",), ()], ("a",)) is None
    assert sharing_chance([(), (), ()], ()) is None


@pytest.mark.parametrize(("count", "classes"), [(40, 3), (300, 11), (1500, 40)])
def test_chance_against_a_plain_count(count: int, classes: int) -> None:
    matrix = (np.random.default_rng(count).random((count, classes)) < 0.1).astype(np.uint8)
    labelled = matrix[matrix.any(axis=1)].astype(int)
    common = labelled @ labelled.T > 0
    np.fill_diagonal(common, val=False)
    n = len(labelled)
    names = [f"c{number}" for number in range(classes)]
    labels = [[names[column] for column in np.flatnonzero(row)] for row in matrix]
    assert sharing_chance(labels, names) == pytest.approx(common.sum() / (n * (n - 1)), rel=1e-12)


def test_chance_in_a_large_set_is_that_of_a_sample() -> None:
    """Three classes by turns: two different items share theirs with chance (n/3 - 1) / (n - 1), about 1/3."""
    labels = [("a",), ("b",), ("c",)] * 20_000
    chance = sharing_chance(labels, ("a", "b", "c"))
    assert chance == pytest.approx(1 / 3, abs=0.002)
    assert sharing_chance(labels, ("a", "b", "c")) == chance


def test_only_the_sample_becomes_a_matrix() -> None:
    """100,000 items of 1,000 classes are 100 MB as a matrix, the sample 20 MB."""
    classes = [f"c{number}" for number in range(1000)]
    labels = [("c1",), ("c2", "c999")] * 50_000
    tracemalloc.start()
    try:
        chance = sharing_chance(labels, classes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert chance == pytest.approx(1 / 2, abs=0.01)
    assert peak < 50_000_000


def test_different_sets_are_compared_in_little_memory() -> None:
    """6,000 different label sets: a number for each pair would be 144 MB, a block of pairs takes about 7."""
    rng = np.random.default_rng(0)
    classes = [f"c{number}" for number in range(80)]
    labels = [tuple(classes[at] for at in rng.choice(80, 4, replace=False)) for _ in range(6000)]
    tracemalloc.start()
    try:
        sharing_chance(labels, classes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
