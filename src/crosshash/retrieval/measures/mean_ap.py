"""mAP over the whole retrieval set and nothing else: what training asks for, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError, listed
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.parallel import over_blocks
from crosshash.retrieval.ranking.tied_ranking import Ranking, Ties, blocks, rank

Undefined = Literal["skip", "skip_without_hit", "zero", "error"]
FIRST = 50
"""Items among which `skip_without_hit` wants a relevant one: those that HQ's evaluation looks at."""


def mean_average_precision(
    query_packed: NDArray[np.uint8],
    retrieval_packed: NDArray[np.uint8],
    query_labels: NDArray[np.generic],
    retrieval_labels: NDArray[np.generic],
    ties: Ties = "expected",
    undefined: Undefined = "skip",
) -> float:
    """Give only mAP over the whole retrieval set: packed uint8[N, ceil(K/8)], labels[N, C] of 0 and 1.

    Raises:
        CrosshashError: shapes do not fit, a side is empty, or no query has a relevant item.
    """
    sides = {"query": (query_packed, query_labels), "retrieval": (retrieval_packed, retrieval_labels)}
    problems = [
        f"{name}: {len(packed)} codes and {len(labels)} rows of labels, as many of each are needed, and one"
        for name, (packed, labels) in sides.items()
        if len(packed) != len(labels) or not len(packed)
    ]
    if query_packed.shape[1] != retrieval_packed.shape[1]:
        problems.append(f"codes of {query_packed.shape[1]} and of {retrieval_packed.shape[1]} bytes")
    if query_labels.shape[1] != retrieval_labels.shape[1]:
        problems.append(f"labels of {query_labels.shape[1]} and of {retrieval_labels.shape[1]} classes")
    if problems:
        raise CrosshashError(f"these codes cannot be scored:\n{listed(problems)}")
    query, retrieval = (Side.of(packed, labels) for packed, labels in sides.values())
    names = [f"row {row}" for row in range(len(query))]
    return _mean_ap(query, retrieval, ties, undefined, names)


def _mean_ap(query: Side, retrieval: Side, ties: Ties, undefined: Undefined, names: Sequence[str]) -> float:
    def work(rows: range) -> tuple[NDArray[np.bool_], float]:
        _, ranking = rank(query, retrieval, rows, ties, grades=2)
        defined = defined_queries(ranking, undefined)
        return defined, float(AP()(ranking.take(defined)).sum())

    parts = over_blocks(work, blocks(query, retrieval, ties, grades=2))
    scored = scored_queries(np.concatenate([defined for defined, _ in parts]), undefined, names)
    return sum(total for _, total in parts) / int(scored.sum())


def defined_queries(ranking: Ranking, undefined: Undefined) -> NDArray[np.bool_]:
    """Which queries have something to score: bool[Q].

    A relevant item; under `skip_without_hit` one that is among the first 50 in some order of equal distances.
    """
    if undefined != "skip_without_hit":
        return np.asarray(ranking.all_relevant > 0)
    cut = ranking.cut(FIRST)
    return np.asarray((cut.found > 0) | ((cut.relevant > 0) & (cut.places > 0)))


def scored_queries(
    defined: NDArray[np.bool_], undefined: Undefined, names: Sequence[str]
) -> NDArray[np.bool_]:
    """Which queries enter the means."""
    if not defined.any() and undefined == "skip_without_hit":
        raise CrosshashError(
            f"none of the {len(defined)} queries finds a relevant item among its first {FIRST}, so there is "
            "nothing to score; with evaluate.undefined: skip there may be."
        )
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
