"""What an evaluation found, as values, and as the JSON of metrics.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking import Ties

DIGITS = 6
"""Decimals of every figure that is written."""


@dataclass(frozen=True)
class TaskReport:
    """What one task scored.

    ids: `<U`[Q], the scored queries; values: by measure, float64[Q]; interval: of the mean AP, 95 %, None
    without labels; precision_at: by number of items; by_radius: float64[M, 2], recall and precision by
    rising Hamming radius.
    """

    ids: NDArray[np.str_]
    values: dict[str, NDArray[np.float64]]
    interval: tuple[float, float] | None
    precision_at: dict[int, float]
    by_radius: NDArray[np.float64]

    def scores(self) -> dict[str, float]:
        """Give the means over the queries, rounded; that of AP under the name mAP, with its interval."""
        means = {name: round(float(values.mean()), DIGITS) for name, values in self.values.items()}
        if self.interval is None:
            return means
        low, high = (round(end, DIGITS) for end in self.interval)
        return {"mAP": means.pop("AP"), "mAP_low": low, "mAP_high": high, **means}


@dataclass(frozen=True)
class RetrievalReport:
    """Scores by task, with the convention and counts they stand for; base_rate is None without labels."""

    bits: int
    n_query: int
    n_retrieval: int
    n_undefined: int
    n_unlabelled: int
    n_captionless: int
    base_rate: float | None
    ties: Ties
    tasks: dict[str, TaskReport]

    def counts(self) -> dict[str, Any]:
        """Give what the scores stand for, as in metrics.json."""
        return {
            "n_query": self.n_query,
            "n_retrieval": self.n_retrieval,
            "n_undefined": self.n_undefined,
            "n_unlabelled": self.n_unlabelled,
            "n_captionless": self.n_captionless,
            "base_rate": None if self.base_rate is None else round(self.base_rate, DIGITS),
            "ties": self.ties,
        }

    def scores(self) -> dict[str, dict[str, float]]:
        """Give the scores of every task, as in metrics.json."""
        return {task: report.scores() for task, report in self.tasks.items()}
