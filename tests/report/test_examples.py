"""Which queries are shown, and what is found for them, against plain loops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crosshash.report.examples import (
    SHOWN_TASKS,
    Example,
    example_searches,
    extreme_queries,
    spaced_queries,
)
from crosshash.report.results import Results, read_results
from tests.report.runs import BITS, PARTS

TASKS = sorted(SHOWN_TASKS)


def spaced(scores: list[float], usable: list[bool], count: int) -> list[int]:
    return [int(row) for row in spaced_queries(np.array(scores), np.array(usable), count)]


def extremes(scores: list[float], count: int) -> tuple[list[int], list[int]]:
    best, worst = extreme_queries(np.array(scores), count)
    return best.tolist(), worst.tolist()


def searches(results: Results, task: str, queries: int, top: int) -> tuple[Example, ...]:
    return example_searches(results, task, 0, queries, top).between


def test_best_and_worst_queries_most_extreme_first() -> None:
    assert extremes([0.5, 0.2, 0.1, 0.9, np.nan, 0.4], 2) == ([3, 0], [2, 1])


def test_equal_scores_stand_in_the_order_of_the_query_set_on_both_ends() -> None:
    assert extremes([0.5] * 6, 2) == ([0, 1], [2, 3])
    assert extremes([1, 0, 1, 0, 1, 0], 2) == ([0, 2], [1, 3])


def test_no_query_is_among_the_best_and_the_worst() -> None:
    assert extremes([0.1, 0.2, 0.3], 10) == ([2, 1], [0])
    assert extremes([0.7], 10) == ([0], [])
    assert extremes([np.nan], 10) == ([], [])


def test_spaced_queries_are_the_middle_ones_of_equal_parts() -> None:
    """AP order of rows: 3 (.9), 0 (.5), 4 (.4), 1 (.2), 2 (.1), 5 (0); parts 3 0, 4 1, 2 5."""
    assert spaced([0.5, 0.2, 0.1, 0.9, 0.4, 0.0], [True] * 6, 3) == [0, 1, 5]
    assert spaced([0.5, 0.2, 0.1, 0.9, 0.4], [True] * 5, 5) == [3, 0, 4, 1, 2]


def test_queries_without_text_or_score_are_left_out() -> None:
    assert spaced([0.5, np.nan, 0.9, 0.1], [True, True, False, True], 9) == [0, 3]


def test_without_any_score_queries_are_evenly_spaced_in_the_set() -> None:
    assert spaced([np.nan] * 6, [True] * 6, 3) == [1, 3, 5]


def test_one_query_is_the_middle_one_and_none_is_none() -> None:
    assert spaced([0.1, 0.3, 0.2], [True] * 3, 1) == [2]
    assert spaced([0.1], [True], 0) == []
    assert spaced([0.1], [False], 3) == []


@pytest.mark.parametrize("labelled", [True, False])
def test_a_run_shows_best_worst_and_what_is_between(write_run: Callable[..., Path], labelled: bool) -> None:
    """Query n scores 0.1 (n + 1) in every measure; those between are the middle ones of 3, 2 and of 1, 0."""
    results = read_results(write_run(labelled=labelled), "scenes", BITS)
    for task in TASKS:
        found = example_searches(results, task, 1, 2, 3)
        groups = (found.best, found.worst, found.between)
        assert [[one.item for one in group] for group in groups] == [
            ["query/3.jpg"], ["query/0.jpg"], ["query/2.jpg", "query/0.jpg"],
        ]  # fmt: skip
        assert [one.score for one in found.all] == pytest.approx([0.4, 0.1, 0.3, 0.1])


@pytest.mark.parametrize("task", TASKS)
def test_neighbours_are_the_nearest_by_a_plain_loop(write_run: Callable[..., Path], task: str) -> None:
    """Row n has n ones as image and one more as text, so a distance is a difference of counts."""
    results = read_results(write_run(), "scenes", BITS)
    for example in searches(results, task, 4, 5):
        query = int(example.item.split("/")[1].removesuffix(".jpg"))
        expected = []
        for row in range(PARTS["query"], sum(PARTS.values())):
            asked, answer = (query, row + 1) if task == "i2t" else (query + 1, row)
            expected.append((abs(asked - answer), row, "hit" if query % 3 == row % 3 else "miss"))
        expected.sort(key=lambda one: one[:2])
        found = [
            (n.distance, int(n.item.split("/")[1].removesuffix(".jpg")), n.verdict)
            for n in example.neighbours
        ]
        assert found == expected[:5]
        assert example.score == pytest.approx(0.1 * (query + 1))


def test_texts_that_are_not_there_neither_ask_nor_answer(write_run: Callable[..., Path]) -> None:
    results = read_results(write_run(captions={"query/1.jpg": [], "train/5.jpg": []}), "scenes", BITS)
    asking = [example.item for example in searches(results, "t2i", 9, 9)]
    assert len(asking) == 3
    assert "query/1.jpg" not in asking
    answers = [n.item for example in searches(results, "i2t", 9, 99) for n in example.neighbours]
    assert "train/5.jpg" not in answers
    assert "train/6.jpg" in answers


def test_without_labels_the_partners_are_searched_too(write_run: Callable[..., Path]) -> None:
    """The pool of the recall scores: partners of all queries, then the retrieval set; the own is marked."""
    results = read_results(write_run(labelled=False), "scenes", BITS)
    for task in TASKS:
        for example in searches(results, task, 4, 99):
            assert len(example.neighbours) == sum(PARTS.values())
            assert [n.item for n in example.neighbours if n.verdict == "partner"] == [example.item]
            assert {n.verdict for n in example.neighbours} == {"partner", "other"}


def test_with_labels_no_query_finds_its_own_partner(write_run: Callable[..., Path]) -> None:
    results = read_results(write_run(), "scenes", BITS)
    for task in TASKS:
        for example in searches(results, task, 4, 99):
            assert example.item not in [n.item for n in example.neighbours]


def test_items_without_labels_in_a_labelled_set_are_neither_hit_nor_miss(
    write_run: Callable[..., Path],
) -> None:
    results = read_results(write_run(unlabelled=("train/4.jpg",)), "scenes", BITS)
    for example in searches(results, "t2i", 4, 99):
        verdicts = {n.item: n.verdict for n in example.neighbours}
        assert verdicts.pop("train/4.jpg") == "unlabelled"
        assert set(verdicts.values()) == {"hit", "miss"}
