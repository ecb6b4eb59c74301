"""The table of scores: every measure with its interval by task, what it means, and what chance gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

from crosshash.report.conventions import chance_of, meaning
from crosshash.report.figures.scores import Interval
from crosshash.report.results import Results


@dataclass(frozen=True)
class ScoreRow:
    """A measure, what it is, chance (None: not simple), scores by task."""

    measure: str
    meaning: str
    chance: float | None
    scores: dict[str, Interval]


def score_rows(results: Results, items: int) -> list[ScoreRow]:
    """Lay out artifacts/scores.csv, a row per measure in its order; `items`: how many a query searches.

    Ends of an interval are NaN where there is none.
    """
    found: dict[str, dict[str, Interval]] = {}
    table = results.scores
    for task, measure, mean, low, high in zip(
        *(table[name] for name in ("task", "measure", "mean", "low", "high")), strict=True
    ):
        if not math.isnan(mean):
            found.setdefault(str(measure), {})[str(task)] = (float(low), float(mean), float(high))
    base_rate = results.metrics["base_rate"]
    return [
        ScoreRow(measure, meaning(measure, results.by_labels), chance_of(measure, base_rate, items), scores)
        for measure, scores in found.items()
    ]
