"""Scores that a model which knows nothing could have: said in one sentence, as not everybody would see it."""

from __future__ import annotations

from collections.abc import Mapping

from crosshash.codes.different_rows import different_rows
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL, MODALITIES, CodeSet, Modality
from crosshash.retrieval.measures.few_queries import FEW
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.scoring.scores import TaskReport, written


def nothing_learnt(tasks: Mapping[str, TaskReport], retrieval: CodeSet, ties: Ties) -> str | None:
    """Say that a score between image and text is that of a random order, or that all codes are one.

    A score is if the interval of its mean reaches down to what a random order of the items scores; under
    `optimistic` and `pessimistic`, which move scores of equal codes, only the codes tell. Of few queries the
    interval is wide whatever was learnt, and that is what is said. Without any task, that nothing is scored.
    Else None.
    """
    if not tasks:
        return "no item has a text or a label: nothing tells how good searches are"
    fair = ties in ("expected", "by_id")
    blind = [task for task in CROSS_MODAL if task in tasks and fair and _reaches_chance(tasks[task])]
    if not blind and not any(_all_alike(retrieval, modality) for modality in MODALITIES):
        return None
    codes = " and ".join(_distinct(retrieval, modality) for modality in MODALITIES)
    if not blind:
        return f"nothing can be told apart by codes that are all the same: {codes}"
    figures = "; ".join(_figures(task, tasks[task]) for task in blind)
    queries = min(len(tasks[task].ids) for task in blind)
    if queries < FEW:
        return f"{queries} queries are too few to tell whether anything was learnt: {figures}"
    return f"no sign of anything learnt: {figures}; the retrieval set has {codes}"


def _reaches_chance(report: TaskReport) -> bool:
    measure, chance = report.chance
    return report.intervals[measure][0] <= chance


def _figures(task: str, report: TaskReport) -> str:
    measure, chance = report.chance
    low, high = report.intervals[measure]
    mean = report.values[measure].mean()
    return (
        f"{task} {written(measure)} {mean:.3f} (95 % {low:.3f} to {high:.3f}) where a random order gives "
        f"{chance:.3f}"
    )


def _all_alike(retrieval: CodeSet, modality: Modality) -> bool:
    codes = retrieval.packed(modality)[retrieval.has(modality)]
    return len(codes) > 1 and bool((codes == codes[0]).all())


def _distinct(retrieval: CodeSet, modality: Modality) -> str:
    codes = retrieval.packed(modality)[retrieval.has(modality)]
    different = len(different_rows(codes)[0])
    return f"{different} different code{'s' if different != 1 else ''} among {len(codes)} {modality}s"
