"""What a method delivers at a length, by a distance, for which bytes: the points of the Pareto plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from crosshash.experiments.costs import Costs
from crosshash.experiments.runs import Run
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL

DISTANCES = ("Hamming", "asymmetric")
OWN = "partner "
PARTNER = tuple(f"{OWN}recall@{first}" for first in (1, 5, 10))
"""Measures of how often the own partner is among the first: of every set, labelled or not."""


@dataclass(frozen=True)
class Score:
    """A mean over seeds and over queries; low, high: its 95 % interval over queries, None where unknown."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Point:
    """The runs of one method, with one choice of settings, at one length and by one distance.

    supervised: whether it needs labels, None for a method that this version does not know; costs: means over
    seeds; scores: by task and measure, those that the runs have.
    """

    group: int
    bits: int
    distance: str
    supervised: bool | None
    costs: Costs
    scores: dict[str, dict[str, Score]]
    runs: tuple[str, ...]

    def mean(self, measure: str, tasks: Sequence[str] = CROSS_MODAL) -> float | None:
        """Give the mean over tasks, by which points are compared; None where one is unknown."""
        found = [self.scores[task].get(measure) for task in tasks]
        known = [score.mean for score in found if score is not None]
        return sum(known) / len(known) if len(known) == len(found) else None


def points_of(
    runs: Sequence[Run], group: int, bits: int, measure: str, supervised: bool | None
) -> list[Point]:
    """Make the points of runs that differ in their seed alone: one for each distance they were scored by."""
    found = []
    for distance in DISTANCES:
        scores = {
            task: {
                name: score
                for name in dict.fromkeys((measure, *PARTNER))
                if (score := _mean(_stated(run, distance, task, name) for run in runs)) is not None
            }
            for task in CROSS_MODAL
        }
        if any(scores.values()):
            names = tuple(run.name for run in runs)
            costs = _mean_costs([run.costs for run in runs])
            found.append(Point(group, bits, distance, supervised, costs, scores, names))
    return found


def front(points: Iterable[Point], measure: str, tasks: Sequence[str] = CROSS_MODAL) -> list[Point]:
    """Give the points that none reaches with as few bytes, by rising bytes: the Pareto front."""
    kept: list[Point] = []
    known = [(point.costs.memory, point.mean(measure, tasks), point) for point in points]
    ordered = [(size, score, point) for size, score, point in known if size is not None and score is not None]
    best = -math.inf
    for _, score, point in sorted(ordered, key=lambda one: (one[0], -one[1])):
        if score > best:
            kept.append(point)
            best = score
    return kept


def _stated(run: Run, distance: str, task: str, measure: str) -> Score | None:
    """Read a score of metrics.json: of the own partner where it is one of those, else by labels."""
    section: Mapping[str, Any] = run.metrics
    if run.stores_vectors and distance == "Hamming":
        return None
    if measure in PARTNER:
        measure = measure.removeprefix(OWN)
        if "partner" in section or section.get("base_rate") is not None:  # else it is what all scores are
            section = section.get("partner") or {}
    if distance == "asymmetric" and not run.stores_vectors:
        section = section.get("asymmetric") or {}
    found = section.get(task) or {}
    if found.get(measure) is None:
        return None
    return Score(found[measure], found.get(f"{measure}_low"), found.get(f"{measure}_high"))


def _mean(scores: Iterable[Score | None]) -> Score | None:
    """Average over seeds; those of one split have the same queries, so the ends are averaged, too."""
    known = [score for score in scores if score is not None]
    if not known:
        return None
    low, high = (_mean_of([getattr(score, end) for score in known]) for end in ("low", "high"))
    return Score(sum(score.mean for score in known) / len(known), low, high)


def _mean_costs(costs: Sequence[Costs]) -> Costs:
    return Costs(**{one.name: _mean_of([getattr(cost, one.name) for cost in costs]) for one in fields(Costs)})


def _mean_of(values: Sequence[float | None]) -> float | None:
    """Average what is known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
