from __future__ import annotations

import numpy as np
import pytest

from crosshash.retrieval.ranking.histogram import (
    CHUNK,
    PART,
    Side,
    counts_by_distance,
    grades_by_rank,
    label_words,
    sharing,
)
from tests.retrieval.cases import random_codes, random_labels


def by_loops(
    query: np.ndarray, retrieval: np.ndarray, query_labels: np.ndarray, labels: np.ndarray
) -> list[list[tuple[int, int]]]:
    """Distance and shared labels of every pair, from unpacked bits."""
    bits, items = np.unpackbits(query, axis=1), np.unpackbits(retrieval, axis=1)
    return [
        [
            (int((bits[q] != items[j]).sum()), int((query_labels[q] & labels[j]).sum()))
            for j in range(len(items))
        ]
        for q in range(len(bits))
    ]


@pytest.mark.parametrize(
    ("bits", "classes", "items"),
    [
        (5, 1, 3),
        (16, 24, 70),
        (64, 64, 41),
        (100, 65, 33),
        (512, 130, 9),
        (32, 255, 20),
        (24, 1000, 15),
        (9, 0, 6),
    ],
)
def test_counts_and_ranks_equal_plain_loops(bits: int, classes: int, items: int) -> None:
    generator = np.random.default_rng(bits)
    query, retrieval = random_codes(generator, 6, bits), random_codes(generator, items, bits)
    query_labels, labels = (random_labels(generator, n, classes) for n in (6, items))
    grades = classes + 1
    sides = Side.of(query, query_labels), Side.of(retrieval, labels)
    counts = counts_by_distance(*sides, range(1, 5), grades)
    ranked = grades_by_rank(*sides, range(1, 5), grades)
    for row, pairs in enumerate(by_loops(query, retrieval, query_labels, labels)[1:5]):
        expected = np.zeros_like(counts[row])
        for distance, shared in pairs:
            expected[distance, shared] += 1
        assert np.array_equal(counts[row], expected)
        in_order = [pairs[j][1] for j in sorted(range(items), key=lambda j, pairs=pairs: (pairs[j][0], j))]
        assert ranked[row].tolist() == in_order


@pytest.mark.parametrize("items", [CHUNK - 1, CHUNK, CHUNK + 3, 2 * CHUNK + 1, PART, PART + 3])
def test_no_item_is_lost_at_the_end_of_a_chunk(items: int) -> None:
    generator = np.random.default_rng(items)
    query, retrieval = random_codes(generator, 2, 16), random_codes(generator, items, 16)
    labels = random_labels(generator, items, 3)
    counts = counts_by_distance(
        Side.of(query, np.ones((2, 3), np.uint8)), Side.of(retrieval, labels), range(2), 4
    )
    distances = np.unpackbits(query[:, None] ^ retrieval, axis=2).sum(axis=2)
    for row in range(2):
        expected = np.zeros_like(counts[row])
        np.add.at(expected, (distances[row], labels.sum(axis=1)), 1)
        assert np.array_equal(counts[row], expected)


def test_the_last_grade_takes_all_above() -> None:
    """Three shared labels count as one with two grades: relevant or not."""
    side = Side.of(np.zeros((1, 2), np.uint8), np.ones((1, 3), np.uint8))
    counts = counts_by_distance(side, side, range(1), 2)
    assert counts[0, 0].tolist() == [0, 1]


def test_labels_of_any_type_count_where_not_zero_and_stay_as_they_are() -> None:
    labels = np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    before = labels.copy()
    side = Side.of(np.zeros((2, 1), np.uint8), labels)
    assert np.array_equal(labels, before)
    same = Side.of(np.zeros((2, 1), np.uint8), labels.astype(bool))
    assert np.array_equal(side.labels, same.labels)
    assert (side.most_labels, len(side), side.distances) == (2, 2, 65)


@pytest.mark.parametrize("classes", [0, 3, 64, 65, 200])
def test_any_class_of_any_word_is_shared(classes: int) -> None:
    """Two classes of each item or so: pairs share one in one word and none in the others."""
    generator = np.random.default_rng(classes)
    query, items = (generator.random((n, classes)) < 2 / max(classes, 1) for n in (40, 50))
    found = sharing(label_words(query), label_words(items))
    assert found.dtype == bool
    assert np.array_equal(found, query @ items.T)


def test_no_item_has_no_label() -> None:
    side = Side.of(np.zeros((0, 2), np.uint8), np.zeros((0, 3)))
    assert (side.most_labels, len(side), side.distances) == (0, 0, 65)
