"""An evaluation as tables, as files hold them: curves, scores per query, means with their intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crosshash.retrieval.scoring.report_measures import MEASURES
from crosshash.retrieval.scoring.scores import DIGITS, RetrievalReport, TaskReport, written

QUERY_DIGITS = 12
ASYMMETRIC, PARTNER = "asymmetric", "partner"
"""Begin the names of measures by asymmetric distance, and by the own partner where there are labels too."""


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

    Sets without labels have the columns of label-based measures too, empty, beside recall@1, 5 and 10. What
    queries score by asymmetric distance, and by their own partner beside labels, has columns of its own.
    Rounded to twelve decimals: another computation agrees, and the last bits of a sum do not show.
    """
    parts = [
        pd.DataFrame({"task": task, "id": part.ids.astype(object), **part.values, **_beside(report, task)})
        for task, part in report.tasks.items()
    ]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"task": [], "id": []}, dtype=str)
    columns = dict.fromkeys(["task", "id", *(str(measure) for measure in MEASURES), *table.columns])
    return table.reindex(columns=list(columns)).round(QUERY_DIGITS)


def _beside(report: RetrievalReport, task: str) -> dict[str, NDArray[np.float64]]:
    """Give what else the task's queries score: the shown measures by asymmetric distance, the own partner."""
    found: dict[str, NDArray[np.float64]] = {}
    ids = report.tasks[task].ids
    if task in report.asymmetric:
        found |= _of_queries(report.asymmetric[task].report, ids, ASYMMETRIC)
    if report.base_rate is not None and task in report.partner:
        found |= _of_queries(report.partner[task], ids, PARTNER)
        if task in report.real_partner:
            found |= _of_queries(report.real_partner[task], ids, f"{ASYMMETRIC} {PARTNER}")
    return found


def _of_queries(found: TaskReport, ids: NDArray[np.str_], prefix: str) -> dict[str, NDArray[np.float64]]:
    """Give the shown measures of these queries, NaN for those that are not scored that way."""
    place = {name: row for row, name in enumerate(found.ids.tolist())}
    rows = np.array([place.get(name, -1) for name in ids.tolist()])
    return {
        f"{prefix} {written(name)}": np.where(rows >= 0, found.values[name][rows], np.nan)
        for name in found.shown
    }


def interval_table(report: RetrievalReport) -> pd.DataFrame:
    """Give columns task, measure, mean, low, high: a row per task and measure, 95 % intervals."""
    rows = [
        (task, name, *found.values())
        for task, measures in report.measures().items()
        for name, found in measures.items()
    ]
    return pd.DataFrame(rows, columns=["task", "measure", "mean", "low", "high"])
