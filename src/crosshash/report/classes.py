"""Which classes are found, and which are not: mean average precision over the queries of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosshash.report.pair_distances import PairDistances
from crosshash.report.results import Results
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL, TASKS


@dataclass(frozen=True)
class ClassScore:
    """A class, the number of queries with its label, their chance, and their mAP by task (None: no query)."""

    name: str
    queries: int
    chance: float | None
    mean_ap: Mapping[str, float | None]

    @property
    def mean(self) -> float | None:
        """Mean over i2t and t2i, by which classes are sorted."""
        both = [score for task in CROSS_MODAL if (score := self.mean_ap[task]) is not None]
        return sum(both) / len(both) if both else None


def class_scores(results: Results, pairs: Mapping[str, PairDistances]) -> list[ClassScore]:
    """Average the queries of each class that any query has, best class first, equal ones by name.

    A query with several labels counts for each of them. pairs: of all tasks, for chance.
    """
    labels = results.query.labels != 0
    chance = np.full(len(labels), np.nan)
    chance[pairs["i2i"].rows] = pairs["i2i"].chance
    scores = {task: _class_means(labels, results.query_scores(task, "AP")) for task in TASKS}
    chances = _class_means(labels, chance)
    found = [
        ClassScore(
            str(name),
            int(labels[:, place].sum()),
            _number(chances[place]),
            {task: _number(means[place]) for task, means in scores.items()},
        )
        for place, name in enumerate(results.query.classes)
        if labels[:, place].any()
    ]
    return sorted(found, key=lambda one: (-(-1.0 if one.mean is None else one.mean), one.name))


def _class_means(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average scores float64[Q] over the queries of each class: float64[C], NaN where none has a score."""
    scored = ~np.isnan(scores)
    members = labels[scored].astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray((scores[scored] @ members) / members.sum(axis=0))


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
