"""mAP by class, against plain loops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crosshash.report.classes import class_scores
from crosshash.report.pair_distances import pair_distances
from crosshash.report.results import Results, read_results
from crosshash.retrieval.codefiles.codeset import TASKS
from tests.report.runs import BITS, PARTS


def scores(folder: Path) -> tuple[Results, list]:
    results = read_results(folder, "scenes", BITS)
    pairs = {task: pair_distances(results.query, results.retrieval, task, by_labels=True) for task in TASKS}
    return results, class_scores(results, pairs)


def test_classes_are_averaged_over_their_queries_and_sorted(write_run: Callable[..., Path]) -> None:
    """Query n scores 0.1 (n + 1); queries 0 and 3 are circles (mean 0.25), 1 square (0.2), 2 star (0.3)."""
    _, found = scores(write_run())
    assert [(one.name, one.queries) for one in found] == [("star", 1), ("circle", 2), ("square", 1)]
    assert [one.mean_ap["t2i"] for one in found] == pytest.approx([0.3, 0.25, 0.2])
    assert [one.mean for one in found] == pytest.approx([0.3, 0.25, 0.2])


def test_chance_is_the_share_of_relevant_items(write_run: Callable[..., Path]) -> None:
    _, found = scores(write_run())
    rows = range(PARTS["query"], sum(PARTS.values()))
    for one in found:
        place = ("circle", "square", "star").index(one.name)
        assert one.chance == pytest.approx(sum(row % 3 == place for row in rows) / len(rows))


def test_queries_of_several_classes_count_for_each(write_run: Callable[..., Path]) -> None:
    """Of the classes a to f, query n has every third, from class n mod 3 on: a, d have queries 0 and 3."""
    _, found = scores(write_run(classes=tuple("abcdef")))
    assert [(one.name, one.queries) for one in found] == [
        ("c", 1), ("f", 1), ("a", 2), ("d", 2), ("b", 1), ("e", 1),
    ]  # fmt: skip
    assert found[2].mean_ap["i2t"] == pytest.approx((0.1 + 0.4) / 2)


def test_classes_without_query_are_left_out_and_unscored_queries_leave_no_number(
    write_run: Callable[..., Path],
) -> None:
    """The only star among the queries has no label: star is not listed."""
    _, found = scores(write_run(unlabelled=("query/2.jpg",)))
    assert [one.name for one in found] == ["circle", "square"]
