"""How far apart relevant pairs lie, and all others: counted over every pair of a task, none of them kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.codefiles.codeset import TASKS, CodeSet
from crosshash.retrieval.ranking.histogram import Side, counts_by_distance
from crosshash.retrieval.ranking.parallel import over_blocks
from crosshash.retrieval.ranking.tied_ranking import blocks

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class PairDistances:
    """Pairs of a query and a retrieval item by Hamming distance.

    relevant, other: int64[K + 1], pairs at distance 0 to K. rows: int64[Q], the queries that take part, and
    chance: float64[Q], the share of the searched items that are relevant to each.
    """

    relevant: Counts
    other: Counts
    rows: NDArray[np.intp]
    chance: NDArray[np.float64]

    @property
    def items(self) -> int:
        """Items that each query searches."""
        return int(self.relevant.sum() + self.other.sum()) // len(self.rows)

    @property
    def means(self) -> tuple[float | None, float | None]:
        """Mean distance of the relevant and of the other pairs, in bits; None without such pairs."""
        steps = np.arange(len(self.relevant))
        totals = [int(pairs.sum()) for pairs in (self.relevant, self.other)]
        sums = [int(pairs @ steps) for pairs in (self.relevant, self.other)]
        relevant, other = (
            total / count if count else None for total, count in zip(sums, totals, strict=True)
        )
        return relevant, other

    @property
    def separation(self) -> float | None:
        """Share of cases in which a relevant pair is nearer than another, both drawn by lot; ties count half.

        Also known as the area under the ROC curve. None without pairs of both kinds.
        """
        pairs = int(self.relevant.sum()) * int(self.other.sum())
        if not pairs:
            return None
        farther = self.other[::-1].cumsum()[::-1] - self.other / 2
        return float(self.relevant.astype(np.float64) @ farther) / pairs


def pair_distances(query: CodeSet, retrieval: CodeSet, task: str, by_labels: bool) -> PairDistances:
    """Count the pairs of a task that its scores look at.

    By labels: two items are relevant that share one. Else: the query's own partner is, among the partners of
    all queries and the retrieval set.
    """
    asks, answers = TASKS[task]
    if not by_labels:
        return _by_partner(query, retrieval, task)
    rows = np.flatnonzero(query.has_labels & query.has(asks))
    items = np.flatnonzero(retrieval.has_labels & retrieval.has(answers))
    asking = Side.of(query.packed(asks)[rows], query.labels[rows])
    answering = Side.of(retrieval.packed(answers)[items], retrieval.labels[items])
    counts, relevant = _counted(asking, answering, query.bits)
    return PairDistances(counts[:, 1], counts[:, 0], rows, relevant / len(items))


def _by_partner(query: CodeSet, retrieval: CodeSet, task: str) -> PairDistances:
    asks, answers = TASKS[task]
    rows = np.flatnonzero(query.has_text)
    asked = query.packed(asks)[rows]
    pool = [side.packed(answers)[side.has(answers)] for side in (query, retrieval)]
    partners = np.bitwise_count(asked ^ query.packed(answers)[rows]).sum(axis=1, dtype=np.int64)
    own = np.bincount(partners, minlength=query.bits + 1)
    sides = [Side.of(packed, np.zeros((len(packed), 0))) for packed in (asked, np.concatenate(pool))]
    counts, _ = _counted(sides[0], sides[1], query.bits)
    chance = np.full(len(rows), 1 / sum(map(len, pool)))
    return PairDistances(own, counts.sum(axis=1) - own, rows, chance)


def _counted(query: Side, retrieval: Side, bits: int) -> tuple[Counts, Counts]:
    """Count pairs by distance and relevance, int64[K + 1, 2], and relevant items by query, int64[Q]."""

    def work(rows: range) -> tuple[Counts, Counts]:
        counts = counts_by_distance(query, retrieval, rows, grades=2)[:, : bits + 1]
        return counts.sum(axis=0, dtype=np.int64), counts[:, :, 1].sum(axis=1, dtype=np.int64)

    parts = over_blocks(work, blocks(query, retrieval, "expected", grades=2))
    total = sum((part for part, _ in parts), np.zeros((bits + 1, 2), np.int64))
    return total, np.concatenate([relevant for _, relevant in parts])
