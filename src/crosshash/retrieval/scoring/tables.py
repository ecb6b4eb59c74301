"""An evaluation as tables, as files hold them: curves, scores per query, means with their intervals."""

from __future__ import annotations

import pandas as pd

from crosshash.retrieval.scoring.report_measures import MEASURES
from crosshash.retrieval.scoring.scores import DIGITS, RetrievalReport

QUERY_DIGITS = 12


def radius_table(report: RetrievalReport) -> pd.DataFrame:
    """Give columns task, recall, precision: one row per Hamming radius; no row for sets without labels."""
    rows = [
        (task, recall, precision)
        for task, part in report.tasks.items()
        for recall, precision in part.by_radius
    ]
    return pd.DataFrame(rows, columns=["task", "recall", "precision"]).round(DIGITS)


def rank_table(report: RetrievalReport) -> pd.DataFrame:
    """Give columns task, n, recall, precision: of the first n items; no row for sets without labels."""
    rows = [
        (task, int(n), recall, precision)
        for task, part in report.tasks.items()
        for n, recall, precision in part.by_rank.tolist()
    ]
    return pd.DataFrame(rows, columns=["task", "n", "recall", "precision"]).round(DIGITS)


def precision_table(report: RetrievalReport) -> pd.DataFrame:
    """Give columns task, n, precision; no row for sets without labels."""
    rows = [
        (task, n, precision)
        for task, part in report.tasks.items()
        for n, precision in part.precision_at.items()
    ]
    return pd.DataFrame(rows, columns=["task", "n", "precision"]).round(DIGITS)


def query_table(report: RetrievalReport) -> pd.DataFrame:
    """Give columns task, id and the measures: one row per task and scored query.

    Sets without labels have the columns of label-based measures too, empty, beside recall@1, 5 and 10.
    Rounded to twelve decimals: another computation agrees, and the last bits of a sum do not show.
    """
    parts = [
        pd.DataFrame({"task": task, "id": part.ids.astype(object), **part.values})
        for task, part in report.tasks.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    columns = dict.fromkeys(["task", "id", *(str(measure) for measure in MEASURES), *table.columns])
    return table.reindex(columns=list(columns)).round(QUERY_DIGITS)


def interval_table(report: RetrievalReport) -> pd.DataFrame:
    """Give columns task, measure, mean, low, high: a row per task and measure, 95 % intervals."""
    rows = [
        (task, name, *found.values())
        for task, measures in report.measures().items()
        for name, found in measures.items()
    ]
    return pd.DataFrame(rows, columns=["task", "measure", "mean", "low", "high"])
