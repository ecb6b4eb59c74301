"""Example searches: queries chosen by a fixed rule, never by hand, with what lies nearest to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hamming import distances
from crosshash.report.results import Results
from crosshash.retrieval.codeset import CodeSet, Modality

TASKS: dict[str, tuple[Modality, Modality]] = {"i2t": ("image", "text"), "t2i": ("text", "image")}
"""Which modality asks and which answers, in the tasks that are shown."""

RULE = (
    "Queries are sorted by their average precision (ties in the order of the query set), and taken at evenly "
    "spaced ranks from the best to the worst, both included."
)
RULE_WITHOUT_SCORES = (
    "Queries are taken at evenly spaced places of the query set, the first and the last included."
)

Verdict = Literal["hit", "miss", "unlabelled", "partner", "other"]
"""By labels: hit, miss, or unknown; in sets without labels: the query's own partner, or another item."""


@dataclass(frozen=True)
class Neighbour:
    """An item near a query; distance in bits."""

    item: str
    distance: int
    verdict: Verdict


@dataclass(frozen=True)
class Example:
    """A query (`average_precision` is None where it has none) and its nearest items, nearest first."""

    item: str
    average_precision: float | None
    neighbours: tuple[Neighbour, ...]


def example_searches(results: Results, task: str, queries: int, top: int) -> list[Example]:
    """Search with some queries of a task; ties of distance in the order of the searched set.

    With labels the retrieval set is searched. Without, the partners of all queries stand before it: the same
    pool as for recall.
    """
    asks, answers = TASKS[task]
    query = results.query
    pools = (results.retrieval,) if results.by_labels else (query, results.retrieval)
    found = [(side, int(row)) for side in pools for row in np.flatnonzero(side.has(answers))]
    packed = np.concatenate([side.packed(answers)[side.has(answers)] for side in pools])
    scores = _average_precision(results, task)
    rows = choose_queries(scores, query.has(asks), queries)
    examples = []
    for row, line in zip(rows, distances(query.packed(asks)[rows], packed), strict=True):
        neighbours = [
            Neighbour(
                str(found[place][0].ids[found[place][1]]),
                int(line[place]),
                _verdict(results, row, *found[place]),
            )
            for place in np.argsort(line, kind="stable")[:top]
        ]
        score = None if np.isnan(scores[row]) else float(scores[row])
        examples.append(Example(str(query.ids[row]), score, tuple(neighbours)))
    return examples


def choose_queries(scores: NDArray[np.float64], usable: NDArray[np.bool_], count: int) -> NDArray[np.intp]:
    """Choose `count` rows by `RULE`; without any score (all NaN) by `RULE_WITHOUT_SCORES`.

    scores: float[N], NaN where undefined (chosen only if no query has a score); usable: bool[N].
    """
    scored = usable & ~np.isnan(scores)
    rows = np.flatnonzero(scored if scored.any() else usable)
    if scored.any():
        rows = rows[np.argsort(-scores[rows], kind="stable")]
    count = min(count, len(rows))
    places = np.linspace(0, len(rows) - 1, count) if count > 1 else np.full(count, (len(rows) - 1) / 2)
    return rows[np.floor(places + 0.5).astype(np.intp)]


def _average_precision(results: Results, task: str) -> NDArray[np.float64]:
    """Give AP by query row, NaN where there is none."""
    table = results.per_query
    if "AP" not in table:
        return np.full(len(results.query), np.nan)
    rows = table[table["task"] == task]
    scores = dict(zip(rows["id"], rows["AP"], strict=True))
    return np.array([scores.get(str(item), np.nan) for item in results.query.ids], dtype=np.float64)


def _verdict(results: Results, row: int, side: CodeSet, item: int) -> Verdict:
    """Two items are relevant to each other when they share a label."""
    query = results.query
    if not results.by_labels:
        return "partner" if side is query and row == item else "other"
    if not (query.has_labels[row] and side.has_labels[item]):
        return "unlabelled"
    return "hit" if (query.labels[row] & side.labels[item]).any() else "miss"
