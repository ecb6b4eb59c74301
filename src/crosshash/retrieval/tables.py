"""An evaluation as tables: curves and scores per query as files hold them, and the one people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from crosshash.retrieval.evaluation import MEASURES, TASKS
from crosshash.retrieval.scores import DIGITS, RetrievalReport


def radius_table(report: RetrievalReport) -> pd.DataFrame:
    """Give columns task, recall, precision: one row per Hamming radius; no row for sets without labels."""
    rows = [
        (task, recall, precision)
        for task, part in report.tasks.items()
        for recall, precision in part.by_radius
    ]
    return pd.DataFrame(rows, columns=["task", "recall", "precision"]).round(DIGITS)


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
    """
    parts = [
        pd.DataFrame({"task": task, "id": part.ids.astype(object), **part.values})
        for task, part in report.tasks.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    columns = dict.fromkeys(["task", "id", *(str(measure) for measure in MEASURES), *table.columns])
    return table.reindex(columns=list(columns)).round(DIGITS)


def score_table(metrics: Mapping[str, Any]) -> Table:
    """Lay out what metrics.json, or the scoring of files, holds: a row per task, chance and counts below."""
    tasks = {task: metrics[task] for task in TASKS if task in metrics}
    names = list(next(iter(tasks.values())))
    origin = "".join(f"{metrics[key]}, " for key in ("method", "dataset") if key in metrics)
    facts = {
        "chance": metrics["base_rate"],
        "mAP of the targets as codes": metrics.get("target_mAP"),
        "queries without relevant item": metrics["n_undefined"] or None,
        "items without label": metrics["n_unlabelled"] or None,
        "items without text": metrics["n_captionless"] or None,
    }
    table = Table(
        "task",
        *(escape(name) for name in names),  # AP@50[min] is no markup
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),  # fits a terminal of 80 characters
        title=f"{origin}{metrics['bits']} bits, ties {metrics['ties']}",
        caption=", ".join(f"{name}: {value}" for name, value in facts.items() if value is not None),
    )
    for task, scores in tasks.items():
        table.add_row(task, *(f"{scores[name]:.4f}" for name in names))
    return table
