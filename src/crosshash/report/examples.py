"""Example searches: queries chosen by a fixed rule, never by hand, with their nearest retrieval items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hamming import distances
from crosshash.report.results import CodeSet, Results

RULE = (
    "Queries are sorted by their average precision (ties in the order of the query set), and taken at evenly "
    "spaced ranks from the best to the worst, both included."
)
RULE_WITHOUT_SCORES = (
    "Queries are taken at evenly spaced places of the query set, the first and the last included."
)

Verdict = Literal["hit", "miss", "unlabelled"]


@dataclass(frozen=True)
class Neighbour:
    """A retrieval item near a query; distance in bits."""

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
    """Search with some queries of a task (i2t or t2i); ties of distance in the order of the retrieval set."""
    query, retrieval = results.query, results.retrieval
    scores = _average_precision(results, task)
    rows = choose_queries(scores, query.has_text if task == "t2i" else np.ones(len(query), bool), queries)
    asked, answers = (query.text, retrieval.image) if task == "t2i" else (query.image, retrieval.text)
    candidates = np.arange(len(retrieval)) if task == "t2i" else np.flatnonzero(retrieval.has_text)
    table = distances(asked[rows], answers[candidates])
    examples = []
    for row, line in zip(rows, table, strict=True):
        nearest = np.argsort(line, kind="stable")[:top]
        neighbours = tuple(
            Neighbour(str(retrieval.ids[item]), int(line[place]), _verdict(query, row, retrieval, item))
            for place, item in zip(nearest, candidates[nearest], strict=True)
        )
        score = None if np.isnan(scores[row]) else float(scores[row])
        examples.append(Example(str(query.ids[row]), score, neighbours))
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
    rows = table[table["task"] == task]
    scores = dict(zip(rows["id"], rows["AP"], strict=True))
    return np.array([scores.get(str(item), np.nan) for item in results.query.ids], dtype=np.float64)


def _verdict(query: CodeSet, row: int, retrieval: CodeSet, item: int) -> Verdict:
    """Two items are relevant to each other when they share a label."""
    if not (query.has_labels[row] and retrieval.has_labels[item]):
        return "unlabelled"
    return "hit" if (query.labels[row] & retrieval.labels[item]).any() else "miss"
