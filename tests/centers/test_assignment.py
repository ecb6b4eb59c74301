from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from crosshash.centers import assignment
from crosshash.centers.assignment import assigned


def cost(words: np.ndarray, labels: np.ndarray) -> float:
    """Sum over pairs of classes: items with both, times the squared excess of the distance over one half."""
    total = 0.0
    for one in range(len(words)):
        for other in range(one):
            both = sum(1 for item in labels if item[one] and item[other])
            distance = sum(1 for a, b in zip(words[one], words[other], strict=True) if a != b)
            total += both * max(0.0, 2 * distance / words.shape[1] - 1) ** 2
    return total


def test_a_word_and_its_negative_go_to_classes_that_never_meet() -> None:
    """Four classes, words a, -a, b, c at half distance; only classes 1 and 3 never stand on one item."""
    words = np.array([[1, 1, 1, 1], [-1, -1, -1, -1], [1, -1, 1, -1], [1, 1, -1, -1]], dtype=np.int8)
    meeting = [(0, 1), (0, 2), (0, 3), (1, 2), (2, 3)]
    labels = np.array([[int(k in pair) for k in range(4)] for pair in meeting], dtype=np.uint8)
    for seed in range(10):
        found = assigned(words, labels, np.random.default_rng(seed))
        assert np.array_equal(found[1], -found[3])


@pytest.mark.parametrize("seed", range(5))
def test_no_exchange_of_two_classes_helps_any_more(seed: int) -> None:
    generator = np.random.default_rng(seed)
    words = np.unique(generator.choice(np.array([-1, 1], dtype=np.int8), (9, 5)), axis=0)
    labels = generator.random((40, len(words))) < 0.4
    found = assigned(words, labels, generator)
    assert {word.tobytes() for word in found} == {word.tobytes() for word in words}
    reached = cost(found, labels)
    for one in range(len(found)):
        for other in range(one):
            order = np.arange(len(found))
            order[[one, other]] = other, one
            assert cost(found[order], labels) >= reached - 1e-6


@pytest.mark.parametrize("seed", [7, 21, 37, 39])
def test_six_classes_get_the_best_of_all_orders(seed: int) -> None:
    """Found by trying all 720. With another power than the square another order would be the best."""
    generator = np.random.default_rng(seed)
    words = np.unique(generator.choice(np.array([-1, 1], dtype=np.int8), (6, 8)), axis=0)
    labels = generator.random((40, 6)) < 0.4
    both = np.array([[int((one & other).sum()) for other in labels.T] for one in labels.T])
    excess = np.array([[max(0.0, 2 * (one != other).mean() - 1) for other in words] for one in words])
    orders = np.array(list(permutations(range(6))))
    lowest = min(float((both * excess[np.ix_(order, order)] ** 2).sum()) / 2 for order in orders)
    assert cost(assigned(words, labels, np.random.default_rng(0)), labels) == pytest.approx(lowest)


@pytest.mark.parametrize("sweeps", [1, 2])
def test_few_sweeps_lower_the_cost_too(sweeps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more classes the work allows fewer sweeps, down to a single one."""
    generator = np.random.default_rng(sweeps)
    words = np.unique(generator.choice(np.array([-1, 1], dtype=np.int8), (40, 9)), axis=0)
    labels = generator.random((60, len(words))) < 0.2
    drawn = cost(words, labels)
    monkeypatch.setattr(assignment, "WORK", sweeps * len(words) ** 3)
    found = assigned(words, labels, generator)
    assert len({word.tobytes() for word in found}) == len(words)
    assert cost(found, labels) < 0.8 * drawn


def test_orthogonal_words_do_not_look_at_the_labels() -> None:
    words = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]], dtype=np.int8)
    labels = np.eye(3, dtype=np.uint8)
    found = assigned(words, labels, np.random.default_rng(1))
    assert np.array_equal(found, assigned(words, 1 - labels, np.random.default_rng(1)))


def test_many_classes_are_left_as_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "CLASSES", 2)
    words = np.array([[1, 1], [-1, -1], [1, -1]], dtype=np.int8)
    found = assigned(words, np.ones((4, 3)), np.random.default_rng(4))
    assert np.array_equal(found, words[np.random.default_rng(4).permutation(3)])


def test_as_many_classes_as_the_limit_are_still_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word and its negative: never to classes 0 and 1, which stand together on every item."""
    monkeypatch.setattr(assignment, "CLASSES", 3)
    words = np.array([[1, 1], [-1, -1], [1, -1]], dtype=np.int8)
    for seed in range(5):
        found = assigned(words, np.array([[1, 1, 0]]), np.random.default_rng(seed))
        assert not np.array_equal(found[0], -found[1])


def test_classes_are_counted_together_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.random.default_rng(0).random((50, 6)) < 0.4
    whole = assignment._together(labels)
    monkeypatch.setattr(assignment, "BLOCK", 7)
    assert np.array_equal(assignment._together(labels), whole)
    assert whole[1, 4] == sum(1 for row in labels if row[1] and row[4])
    assert not whole.diagonal().any()
