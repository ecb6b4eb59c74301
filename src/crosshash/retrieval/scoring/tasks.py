"""One search task, scored by labels: which queries count, and what each of them scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.mean_ap import Undefined, defined_queries, scored_queries
from crosshash.retrieval.measures.precision_recall import radius_curve, radius_sums, rank_sums
from crosshash.retrieval.measures.ranking_measures import Measure, PrecisionWithin, RecallWithin
from crosshash.retrieval.ranking.asymmetric import RealSearch
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.parallel import over_blocks
from crosshash.retrieval.ranking.tied_ranking import Ties, blocks, rank


@dataclass(frozen=True)
class TaskScores:
    """Scores of one task.

    scored: bool[Q], the queries that enter the means; values: by measure, float64[scored]; n_undefined:
    queries without anything to score; relevant_pairs: pairs of a query and a relevant item; chance: mAP of
    a random order of the items. Of the defined queries, by_radius: float64[M, 2], mean recall and precision
    by rising Hamming radius; by_rank: float64[n, 2], the same of the first items, by the ranks asked for.
    """

    scored: NDArray[np.bool_]
    values: dict[str, NDArray[np.float64]]
    n_undefined: int
    relevant_pairs: int
    chance: float
    by_radius: NDArray[np.float64]
    by_rank: NDArray[np.float64]


def score_task(
    query: Side,
    retrieval: Side,
    measures: Sequence[Measure],
    ranks: NDArray[np.int64],
    *,
    ties: Ties,
    undefined: Undefined,
    names: Sequence[str],
    real: RealSearch | None = None,
) -> TaskScores:
    """Score queries by all measures, and by precision and recall at rising ranks int64[n].

    names: what messages call the queries. real: the same search by asymmetric distance, which knows no
    radius; None: Hamming distance.

    Raises:
        CrosshashError: no query has a relevant item, or one has none and `undefined` is `error`.
    """
    grades = max(1, min(query.most_labels, retrieval.most_labels)) + 1

    def work(rows: range) -> _Block:
        if real is None:
            by_distance, ranking = rank(query, retrieval, rows, ties, grades)
        else:
            by_distance = ranking = real.rank(rows, ties, grades)
        defined = defined_queries(ranking, undefined)
        pairs = int(ranking.all_relevant.sum())
        same = ranking is by_distance  # then what is summed once serves both
        by_distance = by_distance.take(defined)
        ranking = by_distance if same else ranking.take(defined)
        values = [
            measure(by_distance if isinstance(measure, PrecisionWithin | RecallWithin) else ranking)
            for measure in measures
        ]
        chance = float(AP()(by_distance.one_group()).sum())
        by_radius = radius_sums(by_distance) if real is None else np.zeros((4, 0))
        return _Block(defined, values, pairs, chance, by_radius, rank_sums(ranking, ranks))

    rows = real.blocks(ties) if real else blocks(query, retrieval, ties, grades)
    parts = over_blocks(work, rows)
    defined = np.concatenate([part.defined for part in parts])
    scored = scored_queries(defined, undefined, names)
    values = [np.concatenate(column) for column in zip(*(part.values for part in parts), strict=True)]
    count = int(defined.sum())
    return TaskScores(
        scored,
        {str(m): _spread(column, defined, scored) for m, column in zip(measures, values, strict=True)},
        len(defined) - count,
        sum(part.relevant_pairs for part in parts),
        sum(part.chance for part in parts) / int(scored.sum()),
        radius_curve(np.sum([part.by_radius for part in parts], axis=0), count),
        np.sum([part.by_rank for part in parts], axis=0).T / count,
    )


@dataclass(frozen=True)
class _Block:
    """What a block of queries scored: values by measure, of its defined queries, and sums over them."""

    defined: NDArray[np.bool_]
    values: list[NDArray[np.float64]]
    relevant_pairs: int
    chance: float
    by_radius: NDArray[np.float64]
    by_rank: NDArray[np.float64]


def _spread(
    values: NDArray[np.float64], defined: NDArray[np.bool_], scored: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Put the values of the defined queries at their places among the scored ones; the others get 0."""
    spread = np.zeros(len(defined))
    spread[defined] = values
    return spread[scored]
