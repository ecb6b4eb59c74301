"""Scores of hash codes in the four search tasks, by labels, and by the own partner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL, TASKS, CodeSet, Modality, check_fit
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.mean_ap import Undefined, mean_average_precision
from crosshash.retrieval.measures.precision_recall import curve_ranks
from crosshash.retrieval.measures.ranking_measures import Measure, PrecisionWithin, RecallWithin
from crosshash.retrieval.ranking.asymmetric import RealSearch
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.scoring.nothing_learnt import nothing_learnt
from crosshash.retrieval.scoring.partner import score_partners
from crosshash.retrieval.scoring.report_measures import HIDDEN, MEASURES
from crosshash.retrieval.scoring.scores import Compared, RetrievalReport, TaskReport, compared, written
from crosshash.retrieval.scoring.tasks import TaskScores, score_task
from crosshash.seeding import stream

CURVE = (1, 2, 5, 10, 20, 50, 100, 200, 300, 400, 600, 800, 1000)
"""Where precision is measured for its curve, as far as the retrieval set reaches."""
ALL = AP()
Real = Mapping[Modality, NDArray[np.int8]]


def evaluate(
    query: CodeSet,
    retrieval: CodeSet,
    *,
    ties: Ties = "expected",
    undefined: Undefined = "skip",
    headline: AP = ALL,
    bootstrap: int = 1000,
    seed: int = 0,
    real: Real | None = None,
) -> RetrievalReport:
    """Score all four tasks by labels, or i2t and t2i by the own partner where a side has no labelled item.

    i2t and t2i are scored by the own partner beside labels too. Without any text on a side only i2i is
    scored, and without labels nothing.

    real: real codes int8[Q, K] of the queries by modality; with them every task is also scored by asymmetric
    distance, and the difference to Hamming distance on the same queries. Items that are stored as vectors
    know asymmetric distance alone: then the tasks are scored by that, and there is no difference.

    Items without labels are left out of scores by labels, items without text where text codes are needed.
    headline: what the protocol in force compares methods by; it is among the figures that are shown.

    Raises:
        CrosshashError: the sets do not fit, or a task has no query, no item to find or no relevant pair.
    """
    check_fit(query, retrieval, ("the query set", "the retrieval set"))
    first, second = _by_distance(retrieval, real)
    labelled = have_labels(query, retrieval)
    texts = bool(query.has_text.any() and retrieval.has_text.any())
    known = TASKS if texts else ("i2i",)

    def scored(by: Real | None) -> dict[str, tuple[TaskScores, TaskReport]]:
        return {task: _by_labels(query, retrieval, task, ties, undefined, headline, by) for task in known}

    def with_intervals(reports: Mapping[str, TaskReport]) -> dict[str, TaskReport]:
        return {task: one.with_intervals(bootstrap, _draws(seed, task)) for task, one in reports.items()}

    found = scored(first) if labelled else {}
    by_labels = with_intervals({task: report for task, (_, report) in found.items()})
    partner = with_intervals(_by_partner(query, retrieval, ties, first) if texts else {})
    real_partner = with_intervals(_by_partner(query, retrieval, ties, second) if texts and second else {})
    tasks, by_real = by_labels or partner, real_partner
    if labelled and second:
        by_real = {task: report for task, (_, report) in scored(second).items()}
    return RetrievalReport(
        bits=query.bits,
        n_query=len(query),
        n_retrieval=len(retrieval),
        n_undefined=max((scores.n_undefined for scores, _ in found.values()), default=0),
        n_unlabelled=sum(int((~side.has_labels).sum()) for side in (query, retrieval)),
        n_captionless=sum(int((~side.has_text).sum()) for side in (query, retrieval)),
        base_rate=_base_rate(found["i2i"][0], query, retrieval) if labelled else None,
        ties=ties,
        undefined=undefined,
        headline=written(str(headline)) if labelled else None,
        tasks=tasks,
        warning=nothing_learnt(tasks, retrieval, ties),
        asymmetric={
            task: _compared(report, tasks[task], bootstrap, _draws(seed, task))
            for task, report in by_real.items()
        },
        partner=partner,
        real_partner=real_partner,
    )


def _compared(
    by_real: TaskReport, by_code: TaskReport, bootstrap: int, draws: np.random.Generator
) -> Compared:
    """Compare a task by both distances, with intervals of its scores too, out of the same draws."""
    return compared(by_real.with_intervals(bootstrap, draws), by_code, bootstrap, draws)


def _by_distance(retrieval: CodeSet, real: Real | None) -> tuple[Real | None, Real | None]:
    """Give the queries' real codes for scores by the first distance (None: Hamming) and by the second.

    Raises:
        CrosshashError: items are stored as vectors, and the queries have no real codes.
    """
    if retrieval.vector_code is None:
        return None, real
    if real is None:
        raise CrosshashError(
            "these items are stored as vectors, of which there is no Hamming distance, and nothing is known "
            "of the queries' real codes: they cannot be scored. `dvc repro evaluate` does, in their run."
        )
    return real, None


def _base_rate(scores: TaskScores, query: CodeSet, retrieval: CodeSet) -> float:
    """Give the share of relevant pairs among those of a labelled query and a labelled item."""
    return scores.relevant_pairs / (int(query.has_labels.sum()) * int(retrieval.has_labels.sum()))


def _by_partner(query: CodeSet, retrieval: CodeSet, ties: Ties, real: Real | None) -> dict[str, TaskReport]:
    return {task: score_partners(query, retrieval, task, ties, real) for task in CROSS_MODAL}


def _draws(seed: int, task: str) -> np.random.Generator:
    return stream(seed, "bootstrap", task)


def have_labels(query: CodeSet, retrieval: CodeSet) -> bool:
    """Say whether the sets can be scored by labels: each side has an item with labels."""
    return bool(query.has_labels.any() and retrieval.has_labels.any())


def task_map(
    query: CodeSet,
    retrieval: CodeSet,
    task: str,
    ties: Ties,
    undefined: Undefined,
    real: Real | None = None,
) -> float:
    """Give the mAP of one task, by labels, of the items that can take part; see `mean_average_precision`.

    real: real codes int8[Q, K] of the queries by modality, for asymmetric distance.
    """
    asks, answers = TASKS[task]
    rows, items = _taking_part(query, asks, task), _taking_part(retrieval, answers, task)
    if real is not None:
        packed = retrieval.packed(answers)[items]
        sides = (
            Side.of(query.packed(asks)[rows], query.labels[rows]),
            Side.of(packed, retrieval.labels[items]),
        )
        search = RealSearch(real[asks][rows], packed, *sides, retrieval.vector_code)
        names, ranks = query.ids[rows].tolist(), np.ones(1, np.int64)
        scores = score_task(*sides, (ALL,), ranks, ties=ties, undefined=undefined, names=names, real=search)
        return float(scores.values[str(ALL)].mean())
    return mean_average_precision(
        query.packed(asks)[rows],
        retrieval.packed(answers)[items],
        query.labels[rows],
        retrieval.labels[items],
        ties,
        undefined,
    )


def _taking_part(side: CodeSet, modality: Modality, task: str) -> NDArray[np.intp]:
    """Rows with labels and with a code of the modality."""
    rows = np.flatnonzero(side.has_labels & side.has(modality))
    if not rows.size:
        raise CrosshashError(f"{task}: no item with labels has a {modality}, so this task cannot be scored.")
    return rows


def _by_labels(
    query: CodeSet,
    retrieval: CodeSet,
    task: str,
    ties: Ties,
    undefined: Undefined,
    headline: AP,
    real: Real | None,
) -> tuple[TaskScores, TaskReport]:
    """Search the labelled items with the labelled queries; real: by asymmetric distance."""
    asks, answers = TASKS[task]
    rows, items = _taking_part(query, asks, task), _taking_part(retrieval, answers, task)
    curve, ranks = _curve(len(items)), curve_ranks(len(items), CURVE)
    packed = retrieval.packed(answers)[items]
    asking = Side.of(query.packed(asks)[rows], query.labels[rows])
    answering = Side.of(packed, retrieval.labels[items])
    measures: Iterable[Measure] = dict.fromkeys((*MEASURES, headline))
    if real:
        measures = [one for one in measures if not isinstance(one, PrecisionWithin | RecallWithin)]
    scores = score_task(
        asking,
        answering,
        tuple(measures),
        ranks,
        ties=ties,
        undefined=undefined,
        names=query.ids[rows].tolist(),
        real=RealSearch(real[asks][rows], packed, asking, answering, retrieval.vector_code) if real else None,
    )
    defined = (len(rows) - scores.n_undefined) / int(scores.scored.sum())
    precision = dict(zip(ranks.tolist(), scores.by_rank[:, 1].tolist(), strict=True))
    hidden = {str(measure) for measure in HIDDEN if measure != headline}
    return scores, TaskReport(
        ids=query.ids[rows[scores.scored]],
        values=scores.values,
        shown=tuple(name for name in scores.values if name not in hidden),
        precision_at={n: defined * precision[n] for n in curve},  # queries that are scored 0 count here
        by_radius=scores.by_radius,
        by_rank=np.column_stack([ranks, scores.by_rank]),
        chance=(str(ALL), scores.chance),
    )


def _curve(items: int) -> list[int]:
    """Where precision is measured in a set of so many items: up to 1000, or up to all of them."""
    return [*(n for n in CURVE if n < items), *([items] if items <= CURVE[-1] else [])]
