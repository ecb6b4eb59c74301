"""Example searches: queries chosen by a fixed rule, never by hand, with what lies nearest to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hamming import distances
from crosshash.report.results import Results
from crosshash.retrieval.codefiles.codeset import TASKS, CodeSet, Modality
from crosshash.retrieval.ranking.asymmetric import RealSearch
from crosshash.retrieval.ranking.histogram import Side

SHOWN_TASKS = {"i2t": "Image to text", "t2i": "Text to image"}

RECALLS = ("recall@1", "recall@5", "recall@10")
"""What queries are sorted by where no query has an average precision: the mean of the three."""

Verdict = Literal["hit", "miss", "unlabelled", "partner", "other"]
"""By labels: hit, miss, or unknown; in sets without labels: the query's own partner, or another item."""

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Neighbour:
    """An item near a query; distance in bits, None where items are stored as vectors."""

    item: str
    distance: int | None
    verdict: Verdict


@dataclass(frozen=True)
class Example:
    """A query, its score (None where it has none) and its nearest items, nearest first."""

    item: str
    score: float | None
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True)
class Examples:
    """Example searches of a task: the best queries, best first, the worst, worst first, and some between."""

    best: tuple[Example, ...]
    worst: tuple[Example, ...]
    between: tuple[Example, ...]

    @property
    def all(self) -> tuple[Example, ...]:
        """Every one of them."""
        return self.best + self.worst + self.between


def example_searches(results: Results, task: str, extremes: int, between: int, top: int) -> Examples:
    """Search with some queries of a task: `extremes` best and worst ones, and `between` evenly spaced ones.

    Items at equal distance stand in the order of the searched set. With labels that is the retrieval set.
    Without, the partners of all queries stand before it: the same pool as for recall.
    """
    scores = example_scores(results, task)
    usable = results.query.has(TASKS[task][0])
    best, worst = extreme_queries(scores, extremes)
    groups = (best, worst, spaced_queries(scores, usable, between))
    found = iter(_search(results, task, np.concatenate(groups), scores, top))
    return Examples(*(tuple(next(found) for _ in group) for group in groups))


def example_scores(results: Results, task: str) -> NDArray[np.float64]:
    """Give what the queries of a task are sorted by: AP, or mean recall without labels; NaN where neither."""
    if results.by_labels:
        return results.query_scores(task, "AP")
    return np.asarray(np.mean([results.query_scores(task, name) for name in RECALLS], axis=0))


def extreme_queries(scores: NDArray[np.float64], count: int) -> tuple[Rows, Rows]:
    """Give the rows of the `count` best and worst queries, the most extreme first, none in both.

    scores: float64[Q], NaN where undefined. Of equal ones the first in the query set stands first.
    """
    scored = np.flatnonzero(~np.isnan(scores))
    best = scored[np.argsort(-scores[scored], kind="stable")][: min(count, (len(scored) + 1) // 2)]
    left = np.setdiff1d(scored, best)
    return best, left[np.argsort(scores[left], kind="stable")][:count]


def spaced_queries(scores: NDArray[np.float64], usable: NDArray[np.bool_], count: int) -> Rows:
    """Sort the queries, best first, cut them into `count` equal parts, give the middle row of each part.

    scores: float64[Q], NaN where undefined (chosen only if no query has a score, in the order of the query
    set); usable: bool[Q].
    """
    scored = usable & ~np.isnan(scores)
    rows = np.flatnonzero(scored if scored.any() else usable)
    if scored.any():
        rows = rows[np.argsort(-scores[rows], kind="stable")]
    count = min(count, len(rows))
    return rows[((2 * np.arange(count) + 1) * len(rows)) // (2 * max(1, count))]


def _search(results: Results, task: str, rows: Rows, scores: NDArray[np.float64], top: int) -> list[Example]:
    """Find the nearest items of some query rows."""
    asks, answers = TASKS[task]
    query = results.query
    pools = (results.retrieval,) if results.by_labels else (query, results.retrieval)
    found = [(side, int(row)) for side in pools for row in np.flatnonzero(side.has(answers))]
    packed = np.concatenate([side.packed(answers)[side.has(answers)] for side in pools])
    examples = []
    vectors = query.vector_code
    for row, line in zip(rows, _distances(results, asks, rows, packed), strict=True):
        neighbours = [
            Neighbour(
                str(found[place][0].ids[found[place][1]]),
                int(line[place]) if vectors is None else None,
                _verdict(results, row, *found[place]),
            )
            for place in np.argsort(line, kind="stable")[:top]
        ]
        score = None if np.isnan(scores[row]) else float(scores[row])
        examples.append(Example(str(query.ids[row]), score, tuple(neighbours)))
    return examples


def _distances(
    results: Results, asks: Modality, rows: Rows, packed: NDArray[np.uint8]
) -> NDArray[np.uint16] | NDArray[np.float32]:
    """Give Hamming distances of query rows to codes, or, of vectors, places by their inner product."""
    query = results.query
    if query.vector_code is None:
        return distances(query.packed(asks)[rows], packed)
    nothing = Side.of(packed, np.zeros((len(packed), 0)))
    search = RealSearch(results.real[asks][rows], packed, nothing, nothing, query.vector_code)
    return search.distances(range(len(rows)))


def _verdict(results: Results, row: int, side: CodeSet, item: int) -> Verdict:
    """Two items are relevant to each other when they share a label."""
    query = results.query
    if not results.by_labels:
        return "partner" if side is query and row == item else "other"
    if not (query.has_labels[row] and side.has_labels[item]):
        return "unlabelled"
    return "hit" if (query.labels[row] & side.labels[item]).any() else "miss"
