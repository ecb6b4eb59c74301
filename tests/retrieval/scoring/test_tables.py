from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np
import pytest
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
    assert [line.split()[0] for line in text.splitlines() if line.split()[1:2] == ["*"]] == ["AP@50[all]"]
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
    for task in ("i2t", "t2i", "i2i", "t2t"):
        metrics[task] = {"mAP": 0.5, "mAP_low": 0.25, "mAP_high": 0.75}
    assert "0.250-0.750" in shown(metrics)


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


def test_rows_of_flat_figures_by_both_distances() -> None:
    """Ends of intervals have no row of their own; what is less Hamming has both ends with their sign."""
    _, metrics = figures()
    metrics |= {"method": "hq", "dataset": "pets", "n_unlabelled": 2, "n_captionless": 1}
    values = [[0.5, -0.25, 0.125], [0.625, 0.0625, 0.25], [0.75, 0.0, 0.5], [0.875, -0.5, -0.25]]
    tasks = ("i2t", "t2i", "i2i", "t2t")
    names = ("mAP", "difference_low", "difference_high")
    metrics["asymmetric"] = {
        task: {"mAP_difference": 0.0, "AP@50[min]": 0.25, **dict(zip(names, row, strict=True))}
        for task, row in zip(tasks, values, strict=True)
    }
    text = shown(metrics)
    assert "hq, pets, 16 bits, protocol published" in " ".join(text.split())
    assert "items without label: 2, items without text: 1" in " ".join(text.split())
    assert not lines_of(text, "mAP_low") + lines_of(text, "mAP_high")
    lines = [line.split() for line in text.splitlines()]
    (at,) = [place for place, line in enumerate(lines) if line[:1] == ["mAP"]]
    assert lines[at + 1][:2] == ["95", "%"]
    assert lines[at + 2] == ["asymmetric", "0.5000", "0.6250", "0.7500", "0.8750"]
    assert " ".join(lines[at + 3]) == "less Hamming -0.250 +0.125 +0.062 +0.250 +0.000 +0.500 -0.500 -0.250"
    assert sum(line[:1] == ["asymmetric"] for line in lines) == 1
    del metrics["asymmetric"]["t2t"]["mAP_difference"]
    assert "less" not in shown(metrics)


def test_what_queries_score_by_asymmetric_distance_and_by_their_partner_stands_beside() -> None:
    """q0 has no text, so no partner; of the second query on partners have rows as the queries have."""
    generator = np.random.default_rng(0)
    query, retrieval = random_set("q", generator, 6), random_set("r", generator, 20)
    query = replace(query, has_text=np.arange(6) > 0)
    query.labels[:] = 1
    real: Any = {one: generator.integers(-9, 10, (6, 16)).astype(np.int8) for one in ("image", "text")}
    report = evaluate(query, retrieval, bootstrap=0, real=real)
    table = query_table(report)
    for task, part in report.tasks.items():
        rows = table[table["task"] == task]
        assert rows["id"].tolist() == part.ids.tolist()
        one = report.asymmetric[task].report
        for name in one.shown:
            column = f"asymmetric {'mAP' if name == 'AP' else name}"
            assert rows[column].tolist() == one.values[name].round(12).tolist()
        for beside, reports in (("", report.partner), ("asymmetric ", report.real_partner)):
            for k in (1, 5, 10):
                column = rows[f"{beside}partner recall@{k}"]
                wanted = [np.nan] * len(rows)
                if task in PAIR:
                    found = reports[task].values[f"recall@{k}"].round(12).tolist()
                    wanted = found if task == "t2i" else [np.nan, *found]
                assert column.dtype == np.float64
                np.testing.assert_array_equal(column.to_numpy(), wanted)


def test_a_query_without_partner_beside_a_single_one() -> None:
    generator = np.random.default_rng(0)
    query, retrieval = random_set("q", generator, 2), random_set("r", generator, 9)
    query.labels[:] = 1
    table = query_table(evaluate(replace(query, has_text=np.array([True, False])), retrieval, bootstrap=0))
    images = table[table["task"] == "i2t"]
    assert images["partner recall@10"].tolist() == pytest.approx([1.0, np.nan], nan_ok=True)


def test_tables_of_sets_without_labels_and_of_nothing() -> None:
    """By the partner there are no curves; measures by labels have empty columns."""
    generator = np.random.default_rng(0)
    sides = [random_set(name, generator, 6, classes=0) for name in "qr"]
    sides = [replace(one, has_labels=np.zeros(6, bool)) for one in sides]
    real: Any = {one: generator.integers(-9, 10, (6, 16)).astype(np.int8) for one in ("image", "text")}
    report = evaluate(sides[0], sides[1], bootstrap=0, real=real)
    table = query_table(report)
    recalls = ["recall@1", "recall@5", "recall@10"]
    beside = [f"asymmetric {name}" for name in recalls]
    names = list(dict.fromkeys(["task", "id", *map(str, MEASURES), *recalls, *beside]))
    assert list(table.columns) == names
    assert table["task"].tolist() == ["i2t"] * 6 + ["t2i"] * 6
    assert table["AP"].isna().all()
    for name in recalls:
        assert table[name].tolist() == [v for task in PAIR for v in report.tasks[task].values[name].round(12)]
        wanted = [v for task in PAIR for v in report.asymmetric[task].report.values[name].round(12)]
        assert table[f"asymmetric {name}"].tolist() == wanted
    for curve in (radius_table, rank_table, precision_table):
        assert len(curve(report)) == 0
    assert list(rank_table(report).columns) == ["task", "n", "recall", "precision"]
    bare = [replace(one, has_text=np.zeros(6, bool)) for one in sides]
    nothing = evaluate(bare[0], bare[1], bootstrap=0)
    assert list(query_table(nothing).columns) == ["task", "id", *map(str, MEASURES)]
    assert len(query_table(nothing)) == len(interval_table(nothing)) == 0
    names = ["task", "id", "AP"]
    assert query_table(nothing).dtypes[names].tolist() == table.dtypes[names].tolist()
    metrics = {"bits": 16, **nothing.counts(), **nothing.scores()}
    assert score_table(metrics).row_count == 0
