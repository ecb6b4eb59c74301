from __future__ import annotations

from io import StringIO
from typing import Any

import numpy as np
from rich.console import Console

from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.scoring.evaluation import evaluate
from crosshash.retrieval.scoring.printed_table import score_table
from crosshash.retrieval.scoring.report_measures import MEASURES
from crosshash.retrieval.scoring.scores import RetrievalReport
from crosshash.retrieval.scoring.tables import (
    interval_table,
    precision_table,
    query_table,
    radius_table,
    rank_table,
)
from crosshash.retrieval.scoring.two_stage_scores import two_stage_table
from tests.retrieval.sets import random_set


def shown(metrics: dict[str, object]) -> str:
    console = Console(file=StringIO(), width=80)
    console.print(score_table(metrics))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def figures() -> tuple[RetrievalReport, dict[str, Any]]:
    generator = np.random.default_rng(0)
    report = evaluate(random_set("q", generator, 6), random_set("r", generator, 20), headline=AP(50, "all"))
    counts = {**report.counts(), "n_undefined": 3, "target_mAP": 0.5}
    return report, {"bits": 16, "protocol": "published", **counts, **report.scores()}


def lines_of(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f" {name} ")]


def test_the_table_names_conventions_and_what_was_left_out() -> None:
    report, metrics = figures()
    text = shown(metrics)
    parts = ("16 bits, protocol published, ties expected, undefined skip", "relevant item: 3", "chance: ")
    for part in (*parts, "mAP of the targets as codes: 0.5,", "* compares methods: AP@50[all]"):
        assert part in " ".join(text.split())  # the caption may break anywhere
    assert "without text" not in text
    for name in report.scores()["i2t"]:
        if not name.startswith("mAP_"):
            (line,) = lines_of(text, name)
            assert all(f"{metrics[task][name]:.4f}" in line for task in report.tasks)
    (header,) = [line for line in text.splitlines() if "t2i" in line]
    (line,) = lines_of(text, "mAP")
    for task in report.tasks:  # each figure below its task
        assert line[header.index(task) :].startswith(f"{metrics[task]['mAP']:.4f}")
    assert "AP@50[all] *" in text
    assert "AP@50[first]" not in text


def test_average_precisions_have_their_intervals_below_them() -> None:
    """In metrics.json mAP alone has one; the scoring of files has those of every measure."""
    report, metrics = figures()
    assert shown(metrics).count("95 %") == 1
    text = shown({**metrics, "measures": report.measures()})
    assert text.count("95 %") == 10
    lines = text.splitlines()
    for name, found in report.measures()["t2i"].items():
        (line,) = lines_of(text, name)
        if "AP" in name:
            below = lines[lines.index(line) + 1]
            assert "95 %" in below
            assert f"{found['low']:.3f}-{found['high']:.3f}" in below


def test_scores_from_before_protocols_had_names_are_shown() -> None:
    _, metrics = figures()
    for key in ("protocol", "headline", "undefined"):
        del metrics[key]
    assert "16 bits, ties expected" in shown(metrics)


def test_intervals_as_a_file_holds_them() -> None:
    report, _ = figures()
    table = interval_table(report)
    assert list(table.columns) == ["task", "measure", "mean", "low", "high"]
    assert len(table) == 4 * len(MEASURES)
    row = table[(table["task"] == "i2i") & (table["measure"] == "mAP")].iloc[0]
    scores = report.scores()["i2i"]
    assert row[["mean", "low", "high"]].tolist() == [scores[f"mAP{end}"] for end in ("", "_low", "_high")]


def test_the_own_partner_stands_below_what_labels_score() -> None:
    """i2t and t2i alone have one; by asymmetric distance where that was scored."""
    report, metrics = figures()
    metrics["partner"] = report.partner_scores()
    metrics["partner"]["asymmetric"] = {
        task: {"recall@1": 0.75, "recall@5": 1, "recall@10": 1} for task in PAIR
    }
    text = shown(metrics)
    (line,) = lines_of(text, "partner recall@5")
    assert line.split()[2:] == [f"{metrics['partner'][task]['recall@5']:.4f}" for task in PAIR]
    assert text.splitlines()[text.splitlines().index(line) - 1].split() == ["asymmetric", "0.7500", "0.7500"]
    assert "partner" not in shown(metrics | {"base_rate": None})


PAIR = ("i2t", "t2i")


def test_rows_of_the_curves_and_of_the_queries() -> None:
    """To 6 decimals, those of the queries to 12."""
    report, _ = figures()
    radius, rank, precision, queries = (
        table(report) for table in (radius_table, rank_table, precision_table, query_table)
    )
    assert list(radius.columns) == ["task", "recall", "precision"]
    assert list(rank.columns) == ["task", "n", "recall", "precision"]
    assert list(precision.columns) == ["task", "n", "precision"]
    partner = [f"partner recall@{k}" for k in (1, 5, 10)]
    assert list(queries.columns) == ["task", "id", *map(str, MEASURES), *partner]
    assert list(queries.index) == list(range(len(queries)))
    for task, part in report.tasks.items():
        rows = radius[radius["task"] == task]
        assert rows[["recall", "precision"]].to_numpy().tolist() == part.by_radius.round(6).tolist()
        rows = rank[rank["task"] == task]
        assert rows[["n", "recall", "precision"]].to_numpy().tolist() == part.by_rank.round(6).tolist()
        rows = precision[precision["task"] == task]
        assert rows["n"].tolist() == list(part.precision_at)
        assert rows["precision"].tolist() == [round(value, 6) for value in part.precision_at.values()]
        rows = queries[queries["task"] == task]
        assert rows["id"].tolist() == part.ids.tolist()
        for name, values in part.values.items():
            assert rows[name].tolist() == values.round(12).tolist()


def test_two_stages_as_a_table() -> None:
    ways = {"hash": {"mAP": 0.25, "AP@50[min]": 0.5}, "quantised": {"mAP": 0.375, "AP@50[min]": 0.75}}
    console = Console(file=StringIO(), width=80)
    console.print(two_stage_table({"r_h": 100, "i2t": ways, "t2i": ways}))
    assert isinstance(console.file, StringIO)
    lines = [line.split() for line in console.file.getvalue().splitlines() if line.strip()]
    title = "hash code, then the first 100 by quantised vectors"
    assert " ".join(console.file.getvalue().split()).startswith(title)
    assert ["task", "ranked", "by", "mAP", "AP@50[min]"] in lines
    assert [line for line in lines if line[0] in ("i2t", "t2i")] == [
        [task, way, mean, cut]
        for task in ("i2t", "t2i")
        for way, mean, cut in (("hash", "0.2500", "0.5000"), ("quantised", "0.3750", "0.7500"))
    ]
