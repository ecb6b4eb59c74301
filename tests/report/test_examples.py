"""Which queries are shown, and what is found for them, against plain loops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crosshash.report.examples import TASKS, choose_queries, example_searches
from crosshash.report.results import read_results
from tests.report.conftest import BITS, PARTS


def rows_of(scores: list[float], usable: list[bool], count: int) -> list[int]:
    return [int(row) for row in choose_queries(np.array(scores), np.array(usable), count)]


def test_queries_are_evenly_spaced_from_best_to_worst() -> None:
    """AP order of rows: 3 (.9), 0 (.5), 4 (.4), 1 (.2), 2 (.1); three of five ranks: 0, 2, 4."""
    assert rows_of([0.5, 0.2, 0.1, 0.9, 0.4], [True] * 5, 3) == [3, 4, 2]


def test_equal_scores_keep_the_order_of_the_query_set() -> None:
    assert rows_of([0.5, 0.5, 0.5, 0.5], [True] * 4, 4) == [0, 1, 2, 3]


def test_queries_without_text_or_score_are_left_out() -> None:
    assert rows_of([0.5, np.nan, 0.9, 0.1], [True, True, False, True], 9) == [0, 3]


def test_without_any_score_queries_are_evenly_spaced_in_the_set() -> None:
    assert rows_of([np.nan] * 5, [True] * 5, 3) == [0, 2, 4]


def test_one_query_is_the_middle_one_and_none_is_none() -> None:
    assert rows_of([0.1, 0.3, 0.2], [True] * 3, 1) == [2]
    assert rows_of([0.1], [True], 0) == []
    assert rows_of([0.1], [False], 3) == []


@pytest.mark.parametrize("task", sorted(TASKS))
def test_neighbours_are_the_nearest_by_a_plain_loop(write_run: Callable[..., Path], task: str) -> None:
    """Row n has n mod 12 ones as image and one more as text, so a distance is a difference of counts."""
    results = read_results(write_run(), "scenes", BITS)
    for example in example_searches(results, task, 4, 5):
        query = int(example.item.split("/")[1].removesuffix(".jpg"))
        expected = []
        for row in range(PARTS["query"], sum(PARTS.values())):
            asked, answer = (
                (query % BITS, row % BITS + 1) if task == "i2t" else (query % BITS + 1, row % BITS)
            )
            expected.append((abs(asked - answer), row, "hit" if query % 3 == row % 3 else "miss"))
        expected.sort(key=lambda one: one[:2])
        found = [
            (n.distance, int(n.item.split("/")[1].removesuffix(".jpg")), n.verdict)
            for n in example.neighbours
        ]
        assert found == expected[:5]
        assert example.average_precision == pytest.approx(0.1 * (query + 1))


def test_texts_that_are_not_there_neither_ask_nor_answer(write_run: Callable[..., Path]) -> None:
    results = read_results(write_run(captions={"query/1.jpg": [], "train/5.jpg": []}), "scenes", BITS)
    asking = [example.item for example in example_searches(results, "t2i", 9, 9)]
    assert len(asking) == 3
    assert "query/1.jpg" not in asking
    answers = [n.item for example in example_searches(results, "i2t", 9, 99) for n in example.neighbours]
    assert "train/5.jpg" not in answers
    assert "train/6.jpg" in answers


def test_without_labels_the_partners_are_searched_too(write_run: Callable[..., Path]) -> None:
    """The pool of the recall scores: partners of all queries, then the retrieval set; the own is marked."""
    results = read_results(write_run(labelled=False), "scenes", BITS)
    for task in TASKS:
        for example in example_searches(results, task, 4, 99):
            assert len(example.neighbours) == sum(PARTS.values())
            assert [n.item for n in example.neighbours if n.verdict == "partner"] == [example.item]
            assert {n.verdict for n in example.neighbours} == {"partner", "other"}


def test_with_labels_no_query_finds_its_own_partner(write_run: Callable[..., Path]) -> None:
    results = read_results(write_run(), "scenes", BITS)
    for task in TASKS:
        for example in example_searches(results, task, 4, 99):
            assert example.item not in [n.item for n in example.neighbours]


def test_items_without_labels_in_a_labelled_set_are_neither_hit_nor_miss(
    write_run: Callable[..., Path],
) -> None:
    results = read_results(write_run(unlabelled=("train/4.jpg",)), "scenes", BITS)
    for example in example_searches(results, "t2i", 4, 99):
        verdicts = {n.item: n.verdict for n in example.neighbours}
        assert verdicts.pop("train/4.jpg") == "unlabelled"
        assert set(verdicts.values()) == {"hit", "miss"}
