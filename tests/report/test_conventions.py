"""Every figure says what it means."""

from __future__ import annotations

import pytest

from crosshash.report.conventions import chance_of, conventions, meaning
from crosshash.retrieval.scoring.report_measures import MEASURES, PARTNER_MEASURES
from crosshash.retrieval.scoring.scores import written


def test_every_measure_that_is_written_has_a_meaning_of_its_own() -> None:
    names = [written(str(measure)) for measure in MEASURES]
    assert "mAP" in names
    meanings = [meaning(name, by_labels=True) for name in names]
    assert all(meanings)
    assert len(set(meanings)) == len(meanings)
    assert all("partner" in meaning(str(one), by_labels=False) for one in PARTNER_MEASURES)


def test_conventions_of_average_precision_differ_in_words() -> None:
    assert "smaller of 50" in meaning("AP@50[min]", by_labels=True)
    assert "among the first 50" in meaning("AP@50[hits]", by_labels=True)
    assert "all relevant" in meaning("AP@50[all]", by_labels=True)
    assert "first 50 relevant items, wherever" in meaning("AP@50[first]", by_labels=True)


def test_an_unknown_measure_has_no_meaning() -> None:
    assert meaning("F1", by_labels=True) == ""


@pytest.mark.parametrize(
    ("measure", "expected"),
    [("mAP", 0.2), ("P@10", 0.2), ("recall@10", 0.1), ("recall@1000", 1.0), ("AP@50[min]", None),
     ("P@radius2", None), ("nDCG@1000", None)],
)  # fmt: skip
def test_chance_where_it_is_simple(measure: str, expected: float | None) -> None:
    """A random order of 100 items, a fifth relevant: 10 of them hold a tenth of the relevant ones."""
    assert chance_of(measure, 0.2, 100) == expected


def test_chance_without_labels_is_that_of_the_partner() -> None:
    assert chance_of("recall@5", None, 50) == 0.1
    assert chance_of("mAP", None, 50) is None


def test_rules_of_a_run() -> None:
    metrics = {"protocol": "strict", "ties": "by_id", "undefined": "zero", "n_undefined": 3, "base_rate": 0.1}
    found = conventions(metrics)
    assert "protocol strict" in found[0]
    assert "order of the retrieval set" in found[1]
    assert found[2] == "queries without a relevant item: counted as 0 (3 here)"
    assert len(conventions({**metrics, "base_rate": None})) == 2
