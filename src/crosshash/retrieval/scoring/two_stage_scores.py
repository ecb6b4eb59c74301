"""Side by side: ranked by hash code, by quantised or real vector, and by hash code, then quantised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from crosshash.codes.hamming import words
from crosshash.codes.quantiser import Codebook
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL, TASKS, CodeSet, Modality
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.mean_ap import Undefined, defined_queries, scored_queries
from crosshash.retrieval.measures.ranking_measures import Measure
from crosshash.retrieval.ranking.histogram import label_words, sharing
from crosshash.retrieval.ranking.parallel import over_blocks
from crosshash.retrieval.ranking.score_ranking import rank_by_score, rank_in_stages
from crosshash.retrieval.ranking.tied_ranking import QUERIES, Ranking, Ties
from crosshash.retrieval.rerank.all_scores import real_scores, repeated, scores_of_all
from crosshash.retrieval.rerank.quantised import QuantisedSet
from crosshash.retrieval.scoring.scores import DIGITS

CELLS = 1 << 22
"""Scores of a block of queries, by each way to score: 40 MB in all. A product of fewer rows takes longer."""
LARGEST_CUT = 50
"""The largest cut-off that a list ordered anew is scored at."""
MEASURES: tuple[Measure, ...] = (AP(), AP(LARGEST_CUT, "min"), AP(LARGEST_CUT, "hits"))
CANDIDATES = (0, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)
"""Numbers of candidates at which the two stages are scored, as far as there are items; then all of them."""

Scores = dict[str, float]
Words = tuple[NDArray[np.uint64], NDArray[np.uint64]]
"""Labels of queries and items, a bit per class: uint64[L, Q] and uint64[L, N]."""


@dataclass(frozen=True)
class Search:
    """Queries and items of one task.

    codes: packed uint8[Q, W] and uint8[N, W]; labels: [Q, C] and [N, C] of 0 and 1; names: `<U`[Q], what
    messages call the queries; vectors: real ones of the queries, float32[Q, d]; words: uint[N, M] in the
    codebook; real: real vectors of the items, float32[N, d].
    """

    codes: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    labels: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    names: NDArray[np.str_]
    vectors: NDArray[np.float32]
    words: NDArray[np.integer]
    codebook: Codebook
    real: NDArray[np.float32]

    @cached_property
    def repeated(self) -> NDArray[np.int64]:
        """Items whose real vectors stand there before, as `real_scores` takes them."""
        return repeated(self.real)


@dataclass(frozen=True)
class TwoStageScores:
    """Means over the queries by measure; `by_candidates` for each number of candidates, 0 being hash only."""

    quantised: Scores
    real: Scores
    by_candidates: dict[int, Scores]


def two_stage_search(
    query: CodeSet,
    retrieval: CodeSet,
    quantised: QuantisedSet,
    real: Mapping[Modality, NDArray[np.float32]],
    task: str,
) -> Search:
    """Gather the labelled items of a task, those that have what it needs."""
    asks, answers = TASKS[task]
    rows = np.flatnonzero(query.has_labels & query.has(asks))
    items = np.flatnonzero(retrieval.has_labels & retrieval.has(answers))
    return Search(
        (query.packed(asks)[rows], retrieval.packed(answers)[items]),
        (query.labels[rows], retrieval.labels[items]),
        query.ids[rows],
        quantised.queries[asks][rows],
        quantised.words[answers][items],
        quantised.codebook,
        real[answers][items],
    )


def compare_tasks(
    searches: Mapping[str, Search], r_h: int, ties: Ties, undefined: Undefined
) -> dict[str, TwoStageScores]:
    """Score all ways to rank, by task.

    Raises:
        CrosshashError: `r_h` does not fit the number of items, or as `compare_stages` does.
    """
    items = min(len(search.words) for search in searches.values())
    check_candidates(r_h, items)
    return {task: compare_stages(search, r_h, ties, undefined) for task, search in searches.items()}


def check_candidates(r_h: int, items: int) -> None:
    """See that `r_h` of so many items can be ordered anew.

    Raises:
        CrosshashError: there are fewer, or the largest cut-off lies beyond the candidates.
    """
    lowest = min(LARGEST_CUT, items)
    if lowest <= r_h <= items:
        return
    remedy = f"{items}, all of them" if lowest == items else f"a number from {lowest} to {items}"
    finding = f"candidates, but only {items} items are searched"
    if r_h < lowest:
        finding = f"candidates are less than {lowest}, up to which their order is scored"
    raise CrosshashError(
        f"params.yaml: hq.rerank: {r_h} {finding}. Set hq.rerank to {remedy}; no training depends on it."
    )


def compare_stages(search: Search, r_h: int, ties: Ties, undefined: Undefined) -> TwoStageScores:
    """Score all ways to rank, re-ranking `r_h` candidates and other numbers of them.

    Ties: equal distances, or equal scores where all items are ranked by them, as `ties` says; equal scores
    among candidates fall back to the distance, then the row. A block of queries at a time.

    Raises:
        CrosshashError: no query has a relevant item, or, under `error`, one has none.
    """
    count = len(search.words)
    sizes = sorted({r_h, count, *(size for size in CANDIDATES if size < count)})
    labels = label_words(search.labels[0]), label_words(search.labels[1])
    _ = search.repeated  # once, before threads ask for it
    parts = over_blocks(lambda rows: _score(search, labels, rows, sizes, ties, undefined), _blocks(search))
    defined, names = np.concatenate([part[0] for part in parts], axis=1), search.names.tolist()
    scored = [int(scored_queries(way, undefined, names).sum()) for way in defined]
    means = np.sum([part[1] for part in parts], axis=0) / np.array(scored)[:, None]
    written = ["mAP", *(str(measure) for measure in MEASURES[1:])]
    found = [dict(zip(written, row, strict=True)) for row in means.round(DIGITS).tolist()]
    return TwoStageScores(found[0], found[1], dict(zip(sizes, found[2:], strict=True)))


def two_stage_section(found: Mapping[str, TwoStageScores], r_h: int | None) -> dict[str, Any] | None:
    """Lay out the four ways by task as in metrics.json, `r_h` candidates for the last; None without any."""
    if not found or r_h is None:
        return None
    return {"r_h": r_h} | {
        task: {
            "hash": scores.by_candidates[0],
            "quantised": scores.quantised,
            "real": scores.real,
            "reranked": scores.by_candidates[r_h],
        }
        for task, scores in found.items()
    }


def two_stage_table(section: Mapping[str, Any]) -> Table:
    """Lay out that section for people: a row per task and way."""
    names = list(section["i2t"]["hash"])
    title = f"hash code, then the first {section['r_h']} by quantised vectors"
    table = Table("task", "ranked by", *(escape(name) for name in names), box=SIMPLE_HEAD, title=title)
    for task in CROSS_MODAL:
        for way, scores in section[task].items():
            table.add_row(task, way, *(f"{scores[name]:.4f}" for name in names))
    return table


def candidate_table(found: Mapping[str, TwoStageScores]) -> pd.DataFrame:
    """Give columns task, r_h, AP@50[hits], mAP: one row per task and number of candidates."""
    rows = [
        (task, size, scores["AP@50[hits]"], scores["mAP"])
        for task, part in found.items()
        for size, scores in part.by_candidates.items()
    ]
    return pd.DataFrame(rows, columns=["task", "r_h", "AP@50[hits]", "mAP"])


def _blocks(search: Search) -> list[range]:
    queries, step = len(search.vectors), min(QUERIES, max(1, CELLS // len(search.words)))
    return [range(start, min(start + step, queries)) for start in range(0, queries, step)]


def _score(
    search: Search, labels: Words, rows: range, sizes: Sequence[int], ties: Ties, undefined: Undefined
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which queries of a block each way has something to score for, and sums over them.

    bool[2 + sizes, queries], float64[2 + sizes, measures].
    """
    block = slice(rows.start, rows.stop)
    relevant = sharing(np.ascontiguousarray(labels[0][:, block]), labels[1])
    ways, sums = [], []
    for ranking in _rankings(search, block, relevant, sizes, ties):
        ways.append(defined_queries(ranking, undefined))
        part = ranking.take(ways[-1])
        sums.append([measure(part).sum() for measure in MEASURES])
    return np.array(ways), np.array(sums)


def _rankings(
    search: Search, block: slice, relevant: NDArray[np.bool_], sizes: Sequence[int], ties: Ties
) -> Iterable[Ranking]:
    """Rank all items by their quantised vectors, by their real ones, then by code and quantised vectors."""
    vectors = search.vectors[block]
    quantised = scores_of_all(vectors, search.words, search.codebook.dictionaries)
    codes = words(search.codes[0][block]), words(search.codes[1])
    by_score, *by_candidates = rank_in_stages(codes, quantised, relevant, sizes, ties)
    yield by_score
    yield rank_by_score(real_scores(vectors, search.real, search.repeated), relevant, ties)
    yield from by_candidates
