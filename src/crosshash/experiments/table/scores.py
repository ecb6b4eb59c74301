"""The scores of one run, metrics.json, as Markdown and as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crosshash.retrieval.codefiles.codeset import TASKS


def score_page(title: str, metrics: Mapping[str, Any], last: str = "") -> str:
    """Write what metrics.json holds as Markdown: a table with one row per task, the other values below.

    last: a line for the end.
    """
    rows = {task: metrics[task] for task in TASKS if task in metrics}
    measures = list(dict.fromkeys(measure for scores in rows.values() for measure in scores))
    cells = [["task", *measures], ["---"] * (1 + len(measures))]
    cells += [[task, *(_text(scores.get(measure)) for measure in measures)] for task, scores in rows.items()]
    table = [f"| {' | '.join(row)} |" for row in cells]
    facts = [f"- {key}: {_text(value)}" for key, value in metrics.items() if key not in rows]
    return "\n".join([f"# {title}", "", *table, "", *facts, *(["", last] if last else [])])


def score_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the scores as rows of a table: task, then its measures; null as nothing."""
    return [
        {"task": task, **{measure: _text(value) for measure, value in metrics[task].items()}}
        for task in TASKS
        if task in metrics
    ]


def _text(value: object) -> str:
    """Write a value of metrics.json; null as nothing."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(part)}" for key, part in value.items())
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)
