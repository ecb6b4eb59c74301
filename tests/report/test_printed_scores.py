"""The published figures keep their metric, protocol and source on the way to the page."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from crosshash.report.printed_scores import (
    DATASETS,
    METHODS,
    SAME_MEASURE,
    comparable_figures,
    published_tables,
)
from crosshash.retrieval.scoring.report_measures import MEASURES
from crosshash.retrieval.scoring.scores import written

MEASURED = [written(str(measure)) for measure in MEASURES]


def rows() -> list[dict[str, str]]:
    text = (files("crosshash.report") / "printed_scores.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_every_figure_names_metric_protocol_backbone_and_source() -> None:
    assert rows()
    assert all(value.strip() for row in rows() for value in row.values())
    assert {row["method"] for row in rows()} <= set(METHODS.values())
    assert all(0 < float(row["value"]) < 1 for row in rows())


@pytest.mark.parametrize("method", sorted(METHODS))
def test_tables_hold_every_figure_of_the_method_once(method: str) -> None:
    shown = [
        (table.source, table.metric, table.protocol, dataset, task, str(bits), value)
        for table in published_tables(method)
        for dataset, task, values in table.rows
        for bits, value in zip(table.bits, values, strict=True)
        if value
    ]
    keys = ("source", "metric", "protocol", "dataset", "task", "bits", "value")
    expected = [tuple(row[key] for key in keys) for row in rows() if row["method"] == METHODS[method]]
    assert sorted(shown) == sorted(expected)


def test_figures_of_one_data_set() -> None:
    """TwDH prints for MIRFlickr-25K at 16 bits 0.8783 (i2t) and 0.8566 (t2i), as mAP@5000."""
    (table,) = published_tables("twdh")
    assert table.metric == "mAP@5000"
    assert "not a cut at rank 5000" in table.note
    assert table.bits == (16, 32, 64)
    rows = [row for row in table.rows if row[0] == "MIRFlickr-25K"]
    assert [(dataset, task, values[0]) for dataset, task, values in rows] == [
        ("MIRFlickr-25K", "i2t", "0.8783"),
        ("MIRFlickr-25K", "t2i", "0.8566"),
    ]


def test_conventions_and_sources_never_share_a_table() -> None:
    tables = published_tables("dcmht")
    assert len({(table.source, table.metric) for table in tables}) == len(tables) > 1


def test_an_unheard_of_method_has_no_published_figures() -> None:
    assert published_tables("unheard-of") == []


def test_spellings_of_data_sets_stand_in_the_table() -> None:
    printed = {row["dataset"] for row in rows()}
    assert {name for names in DATASETS.values() for name in names} == printed


def test_figures_of_the_same_metric_data_set_and_length_stand_beside_a_run() -> None:
    """TwDH prints 0.8783 and 0.8566 as mAP@5000, which its code takes over the first 5000 relevant items."""
    (found,) = comparable_figures("twdh", "mirflickr25k", 16, MEASURED)
    assert (found.metric, found.measure) == ("mAP@5000", "AP@5000[first]")
    assert found.values == {"i2t": "0.8783", "t2i": "0.8566"}


def test_figures_of_unknown_cut_off_other_length_or_set_are_not_comparable() -> None:
    metrics = {found.metric for found in comparable_figures("djsrh", "mirflickr25k", 64, MEASURED)}
    assert metrics == {"mAP@50"}
    assert comparable_figures("djsrh", "iaprtc12", 64, MEASURED) == []  # cut-off not stated
    assert comparable_figures("twdh", "mirflickr25k", 48, MEASURED) == []
    assert comparable_figures("twdh", "scenes", 16, MEASURED) == []
    assert comparable_figures("own-method", "mirflickr25k", 16, MEASURED) == []


def test_a_run_without_that_measure_has_nothing_to_compare() -> None:
    assert comparable_figures("twdh", "mirflickr25k", 16, ["mAP"]) == []


def test_comparable_measures_are_printed_and_measured() -> None:
    assert set(SAME_MEASURE) <= {row["metric"] for row in rows()}
    assert set(SAME_MEASURE.values()) <= set(MEASURED)
