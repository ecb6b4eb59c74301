"""What an evaluation found, as values, and as the JSON of metrics.json."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.measures import bootstrap
from crosshash.retrieval.measures.mean_ap import Undefined
from crosshash.retrieval.ranking.tied_ranking import Ties

DIGITS = 6
"""Decimals of every figure that is read by people: docs/protocol.md says why so many."""

Interval = tuple[float, float]


def written(measure: str) -> str:
    """Give the name of a measure's mean: that of AP over the whole retrieval set is mAP."""
    return "mAP" if measure == "AP" else measure


@dataclass(frozen=True)
class TaskReport:
    """What one task scored.

    ids: `<U`[Q], the scored queries; values: by measure, float64[Q]; shown: the measures that metrics.json
    holds; precision_at: by number of items; by_radius: float64[M, 2], recall and precision by rising Hamming
    radius; by_rank: float64[n, 3], rank, recall and precision; chance: a measure, and its mean where items
    are in random order; intervals: 95 %, of each measure's mean.
    """

    ids: NDArray[np.str_]
    values: dict[str, NDArray[np.float64]]
    shown: tuple[str, ...]
    precision_at: dict[int, float]
    by_radius: NDArray[np.float64]
    by_rank: NDArray[np.float64]
    chance: tuple[str, float]
    intervals: dict[str, Interval] = field(default_factory=dict)

    def with_intervals(self, resamplings: int, generator: np.random.Generator) -> TaskReport:
        """Add the intervals of all measures, from the same draws of queries."""
        ends = bootstrap.intervals(np.column_stack(list(self.values.values())), resamplings, generator)
        pairs = ((float(low), float(high)) for low, high in ends.T)
        return replace(self, intervals=dict(zip(self.values, pairs, strict=True)))

    def scores(self) -> dict[str, float]:
        """Give the means over the queries of the shown measures, rounded; that of AP with its interval."""
        means: dict[str, float] = {}
        for name in self.shown:
            means[written(name)] = _rounded(self.values[name].mean())
            if name == "AP":
                means["mAP_low"], means["mAP_high"] = map(_rounded, self.intervals[name])
        return means

    def with_ends(self) -> dict[str, float]:
        """Give the mean of every measure and the ends of its interval, rounded: name, name_low, name_high."""
        found: dict[str, float] = {}
        for name, values in self.values.items():
            low, high = self.intervals[name]
            found |= {
                written(name): _rounded(values.mean()),
                f"{written(name)}_low": _rounded(low),
                f"{written(name)}_high": _rounded(high),
            }
        return found


@dataclass(frozen=True)
class Compared:
    """A task by asymmetric distance, less the same by Hamming distance.

    measure: that which is compared, over the queries that both score; difference: of the means; interval:
    95 %, of the difference.
    """

    report: TaskReport
    measure: str
    difference: float
    interval: Interval


def compared(
    report: TaskReport, other: TaskReport, resamplings: int, generator: np.random.Generator
) -> Compared:
    """Take one task's scores from those of another way to search, query by query."""
    measure = report.shown[0]
    _, mine, theirs = np.intersect1d(report.ids, other.ids, return_indices=True)
    differences = report.values[measure][mine] - other.values[measure][theirs]
    ends = bootstrap.intervals((1 + differences[:, None]) / 2, resamplings, generator)[:, 0]
    low, high = (float(end) for end in 2 * ends - 1)  # as shares between 0 and 1
    return Compared(report, measure, float(differences.mean()), (low, high))


@dataclass(frozen=True)
class RetrievalReport:
    """Scores by task, with the conventions and counts they stand for.

    base_rate and headline, the name of what the protocol compares methods by, are None without labels;
    warning: that nothing seems to have been learnt, in a sentence, or None. asymmetric: the tasks by
    asymmetric distance; empty where the queries' real codes are not known. partner, real_partner: i2t and t2i
    by the own partner, by Hamming and by asymmetric distance.
    """

    bits: int
    n_query: int
    n_retrieval: int
    n_undefined: int
    n_unlabelled: int
    n_captionless: int
    base_rate: float | None
    ties: Ties
    undefined: Undefined
    headline: str | None
    tasks: dict[str, TaskReport]
    warning: str | None
    asymmetric: dict[str, Compared] = field(default_factory=dict)
    partner: dict[str, TaskReport] = field(default_factory=dict)
    real_partner: dict[str, TaskReport] = field(default_factory=dict)

    def counts(self) -> dict[str, Any]:
        """Give what the scores stand for, as in metrics.json."""
        return {
            "n_query": self.n_query,
            "n_retrieval": self.n_retrieval,
            "n_undefined": self.n_undefined,
            "n_unlabelled": self.n_unlabelled,
            "n_captionless": self.n_captionless,
            "base_rate": None if self.base_rate is None else _rounded(self.base_rate),
            "headline": self.headline,
            "ties": self.ties,
            "undefined": self.undefined,
            "warning": self.warning,
        }

    def scores(self) -> dict[str, dict[str, float]]:
        """Give the scores of every task, as in metrics.json."""
        return {task: report.scores() for task, report in self.tasks.items()}

    def asymmetric_scores(self) -> dict[str, dict[str, float]]:
        """Give the scores by asymmetric distance of every task, as in metrics.json."""
        return {
            task: one.report.scores()
            | {
                f"{written(one.measure)}_difference": _rounded(one.difference),
                "difference_low": _rounded(one.interval[0]),
                "difference_high": _rounded(one.interval[1]),
            }
            for task, one in self.asymmetric.items()
        }

    def partner_scores(self) -> dict[str, Any]:
        """Give the scores by the own partner, as in metrics.json."""
        by_code, by_real = (
            {task: report.with_ends() for task, report in reports.items()}
            for reports in (self.partner, self.real_partner)
        )
        return by_code | ({"asymmetric": by_real} if by_real else {})

    def measures(self) -> dict[str, dict[str, dict[str, float]]]:
        """Give mean, low and high of every measure, those that are not shown too, by task and name."""
        return {
            task: {
                written(name): {
                    "mean": _rounded(values.mean()),
                    "low": _rounded(report.intervals[name][0]),
                    "high": _rounded(report.intervals[name][1]),
                }
                for name, values in report.values.items()
            }
            for task, report in self.tasks.items()
        }


def _rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), DIGITS)
