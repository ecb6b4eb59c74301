"""Runs out of numbers, for tests that need neither git nor DVC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from crosshash.experiments.runs import Run

Scores = dict[str, Sequence[float]]


def made_run(
    scores: dict[str, Scores],
    name: str = "a",
    *,
    ids: Sequence[str] | None = None,
    kept: bool = True,
    settings: dict[str, Any] | None = None,
    **metrics: object,
) -> Run:
    """A run whose scores by query are given by task and column; `kept`: they are still there."""
    parts = []
    facts: dict[str, Any] = {
        "method": "twdh",
        "dataset": "mirflickr25k",
        "bits": 16,
        "protocol": "strict",
        "ties": "expected",
        "undefined": "skip",
        "n_undefined": 0,
        "n_query": 4,
        "n_retrieval": 100,
        "base_rate": 0.5,
        **metrics,
    }
    for task, columns in scores.items():
        count = len(next(iter(columns.values())))
        rows = list(ids) if ids is not None else [f"q{row}" for row in range(count)]
        table = pd.DataFrame({"task": task, "id": rows, **columns})
        parts.append(table)
        means = table.drop(columns=["task", "id"]).mean().round(6)
        facts[task] = {"mAP" if key == "AP" else key: float(value) for key, value in means.items()}
    base = {"seed": 0, "method": facts["method"], "bits": facts["bits"], "split.seed": 0, **(settings or {})}
    table = pd.concat(parts, ignore_index=True)
    return Run(name, base, facts, table if kept else None, None)
