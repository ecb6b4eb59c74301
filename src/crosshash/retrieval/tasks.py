"""One search task, scored by labels: which queries count, and what each of them scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError, listed
from crosshash.retrieval.curves import radius_curve, radius_sums
from crosshash.retrieval.histogram import Side
from crosshash.retrieval.measures import Measure
from crosshash.retrieval.ranking import Ties, rankings

Undefined = Literal["skip", "zero", "error"]


@dataclass(frozen=True)
class TaskScores:
    """Scores of one task.

    scored: bool[Q], the queries that enter the means; values: by measure, float64[scored]; n_undefined:
    queries without a relevant item; relevant_pairs: pairs of a query and a relevant item; by_radius:
    float64[M, 2], mean recall and precision of the defined queries by rising Hamming radius.
    """

    scored: NDArray[np.bool_]
    values: dict[str, NDArray[np.float64]]
    n_undefined: int
    relevant_pairs: int
    by_radius: NDArray[np.float64]


def score_task(
    query: Side,
    retrieval: Side,
    measures: Sequence[Measure],
    *,
    ties: Ties,
    undefined: Undefined,
    names: Sequence[str],
    graded: bool = True,
) -> TaskScores:
    """Score queries; `names` are what messages call them; without `graded` any shared label counts the same.

    Raises:
        CrosshashError: no query has a relevant item, or one has none and `undefined` is `error`.
    """
    grades = max(1, min(query.most_labels, retrieval.most_labels)) + 1 if graded else 2
    defined: list[NDArray[np.bool_]] = []
    values: dict[str, list[NDArray[np.float64]]] = {str(measure): [] for measure in measures}
    sums, relevant_pairs = np.zeros((4, query.distances)), 0
    for by_distance, ranking in rankings(query, retrieval, ties, grades):
        rows = ranking.all_relevant > 0
        defined.append(rows)
        if not rows.all():
            by_distance, ranking = by_distance.take(rows), ranking.take(rows)
        for measure in measures:
            values[str(measure)].append(measure(ranking))
        sums += radius_sums(by_distance)
        relevant_pairs += int(ranking.all_relevant.sum())
    rows = np.concatenate(defined)
    scored = _scored(rows, undefined, names)
    return TaskScores(
        scored,
        {name: _spread(np.concatenate(parts), rows, scored) for name, parts in values.items()},
        int((~rows).sum()),
        relevant_pairs,
        radius_curve(sums, int(rows.sum())),
    )


def _scored(defined: NDArray[np.bool_], undefined: Undefined, names: Sequence[str]) -> NDArray[np.bool_]:
    """Which queries enter the means."""
    if not defined.any():
        raise CrosshashError(
            f"none of the {len(defined)} queries shares a label with an item of the retrieval set, so there "
            "is nothing to score; check that the label columns of both sides are the same classes."
        )
    if undefined == "error" and not defined.all():
        without = [str(name) for name, good in zip(names, defined, strict=True) if not good]
        raise CrosshashError(
            f"{len(without)} queries have no relevant item in the retrieval set; set evaluate.undefined to "
            f"skip or zero, or move these queries:\n{listed(without)}"
        )
    return np.ones_like(defined) if undefined == "zero" else defined


def _spread(
    values: NDArray[np.float64], defined: NDArray[np.bool_], scored: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Put the values of the defined queries at their places among the scored ones; the others get 0."""
    spread = np.zeros(len(defined))
    spread[defined] = values
    return spread[scored]
