"""Distances of relevant and other pairs, against plain loops over all pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crosshash.report.pair_distances import PairDistances, pair_distances
from crosshash.report.results import read_results
from crosshash.retrieval.codefiles.codeset import TASKS, CodeSet
from tests.report.runs import BITS, PARTS
from tests.retrieval.sets import hash_codes


def code_set(seed: int, items: int, bits: int, name: str) -> CodeSet:
    """Random codes in which one item has no text and another no label."""
    random = np.random.default_rng(seed)
    ids = np.array([f"{name}{row}" for row in range(items)])
    image, text = (hash_codes(random.choice([-1, 1], (items, bits)), ids) for _ in range(2))
    labels = (random.random((items, 5)) < 0.4).astype(np.uint8)
    labels[1] = 0
    has_text, has_labels = np.ones(items, bool), np.ones(items, bool)
    has_text[0] = has_labels[1] = False
    return CodeSet(image, text, labels, np.array(list("abcde")), has_text, has_labels)


def by_hand(query: CodeSet, retrieval: CodeSet, task: str, bits: int) -> tuple[list[int], list[int]]:
    asks, answers = TASKS[task]
    counts = {True: [0] * (bits + 1), False: [0] * (bits + 1)}
    for q in range(len(query)):
        for r in range(len(retrieval)):
            if (
                query.has_labels[q]
                and retrieval.has_labels[r]
                and query.has(asks)[q]
                and retrieval.has(answers)[r]
            ):
                a = np.unpackbits(query.packed(asks)[q])
                b = np.unpackbits(retrieval.packed(answers)[r])
                relevant = any(x and y for x, y in zip(query.labels[q], retrieval.labels[r], strict=True))
                counts[relevant][int((a != b).sum())] += 1
    return counts[True], counts[False]


@pytest.mark.parametrize("bits", [1, 13, 70])
@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_pair_is_counted_once(task: str, bits: int) -> None:
    query, retrieval = code_set(1, 7, bits, "q"), code_set(2, 19, bits, "r")
    found = pair_distances(query, retrieval, task, by_labels=True)
    relevant, other = by_hand(query, retrieval, task, bits)
    assert found.relevant.tolist() == relevant
    assert found.other.tolist() == other
    assert found.items * len(found.rows) == sum(relevant) + sum(other)
    assert (found.chance * found.items).sum() == pytest.approx(sum(relevant))


def test_without_labels_the_own_partner_stands_against_all_others(write_run: Callable[..., Path]) -> None:
    """Row n has n ones as image and one more as text: every partner is one bit away."""
    results = read_results(write_run(labelled=False), "scenes", BITS)
    found = pair_distances(results.query, results.retrieval, "i2t", by_labels=False)
    assert found.relevant.tolist() == [0, PARTS["query"], *[0] * (BITS - 1)]
    expected = [0] * (BITS + 1)
    for query in range(PARTS["query"]):
        for row in range(sum(PARTS.values())):
            expected[abs(query - (row + 1))] += row != query
    assert found.other.tolist() == expected
    assert found.items == sum(PARTS.values())


def test_means_and_separation_by_hand() -> None:
    """Relevant at 0, 1; others at 1, 3, 3: of six cases five are nearer and one ties, (5 + 1/2) / 6."""
    found = PairDistances(np.array([1, 1, 0, 0]), np.array([0, 1, 0, 2]), np.arange(1), np.array([0.4]))
    assert found.means == (0.5, pytest.approx(7 / 3))
    assert found.separation == pytest.approx(5.5 / 6)


def test_no_pair_of_a_kind_has_no_separation() -> None:
    found = PairDistances(np.array([0, 0]), np.array([3, 1]), np.arange(1), np.array([0.0]))
    assert found.separation is None
    assert found.means == (None, 0.25)
