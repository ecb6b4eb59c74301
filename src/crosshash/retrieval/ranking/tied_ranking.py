"""Rankings as groups of items in random order: a shape in which all rules for ties are one arithmetic.

Shapes: Q queries, N items, M groups of them, G numbers of shared labels, n ranks that are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.histogram import Side, counts_by_distance, grades_by_rank
from crosshash.retrieval.ranking.tie_groups import discounts, gains_before, harmonic, precisions_before

Ties = Literal["expected", "by_id", "optimistic", "pessimistic"]

CELLS = 1 << 20  # numbers per array of a block: memory stays flat however large the sets are
QUERIES = 256  # queries per block at most: its arrays fit the cache, and threads have blocks to share


@dataclass(frozen=True)
class Cut:
    """Where a ranking is cut off: whole groups before, and the first `places` of one group.

    group: int64[Q], M where every group is whole; before, found: items and relevant items before that group;
    items, relevant, gain: of that group. All [Q].
    """

    group: NDArray[np.integer]
    before: NDArray[np.int64]
    found: NDArray[np.float64]
    items: NDArray[np.float64]
    relevant: NDArray[np.float64]
    gain: NDArray[np.float64]
    places: NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """Rankings of the retrieval set by Q queries: M groups each, nearest first, at random within a group.

    items, relevant, gain: float64[Q, M], how many items, relevant items and shared labels a group has (groups
    may be empty); grades: int64[Q, G], how many items of the whole set share g labels with the query.
    """

    items: NDArray[np.float64]
    relevant: NDArray[np.float64]
    gain: NDArray[np.float64]
    grades: NDArray[np.int64]

    @classmethod
    def of_counts(cls, counts_QMG: NDArray[np.integer]) -> Ranking:
        """Take groups from counts of items by group and number of shared labels."""
        numbers_QMG, grade_G = counts_QMG.astype(np.float64), np.arange(counts_QMG.shape[2], dtype=np.float64)
        items_QM = np.einsum("qmg->qm", numbers_QMG)
        # no matrix product, which starts threads of its own
        gain_QM = np.einsum("qmg,g->qm", numbers_QMG, grade_G)
        grades_QG = np.einsum("qmg->qg", numbers_QMG).astype(np.int64)
        return cls(items_QM, items_QM - numbers_QMG[:, :, 0], gain_QM, grades_QG)

    @classmethod
    def of_grades(cls, counts_QMG: NDArray[np.int32], *, falling: bool) -> Ranking:
        """Cut each group of the counts into G, by falling or rising number of shared labels: P = M G."""
        grade_G = np.arange(counts_QMG.shape[2])[:: -1 if falling else 1]
        items_QP = counts_QMG[:, :, grade_G].reshape(len(counts_QMG), -1).astype(np.float64)
        shared_P = np.tile(grade_G, counts_QMG.shape[1])
        grades_QG = counts_QMG.sum(axis=1, dtype=np.int64)
        return cls(items_QP, items_QP * (shared_P > 0), items_QP * shared_P, grades_QG)

    @cached_property
    def edges(self) -> NDArray[np.int64]:
        """Items before each group, and all of them: int64[Q, M + 1]."""
        return _sums(self.items).astype(np.int64)

    @cached_property
    def found(self) -> NDArray[np.float64]:
        """Relevant items before each group, and all of them: float64[Q, M + 1]."""
        return _sums(self.relevant)

    @cached_property
    def precisions(self) -> NDArray[np.float64]:
        """Expected sum of the precisions at the relevant items before each group, and at all: [Q, M + 1]."""
        return np.asarray(precisions_before(harmonic(self.size), self.items, self.relevant))

    @cached_property
    def discounted(self) -> NDArray[np.float64]:
        """Expected discounted gain of the groups before each one, and of all: float64[Q, M + 1]."""
        return np.asarray(gains_before(discounts(self.size), self.items, self.gain))

    @property
    def all_relevant(self) -> NDArray[np.int64]:
        """Relevant items in the whole set: int64[Q]."""
        return np.asarray(self.grades[:, 1:].sum(axis=1))

    @property
    def size(self) -> int:
        """Items in the retrieval set."""
        return int(self.grades[0].sum()) if len(self.grades) else 0

    def take(self, kept_Q: NDArray[np.bool_]) -> Ranking:
        """Keep some of the queries."""
        if kept_Q.all():
            return self
        return Ranking(self.items[kept_Q], self.relevant[kept_Q], self.gain[kept_Q], self.grades[kept_Q])

    def one_group(self) -> Ranking:
        """Put all items of each query at one distance: their order is random throughout."""
        return Ranking.of_counts(self.grades[:, None, :])

    @cached_property
    def _cuts(self) -> dict[int, Cut]:
        """What `cut` found: several measures share a cut-off."""
        return {}

    def cut(self, k: int) -> Cut:
        """Cut the ranking off after rank k, or after the last one."""
        if k not in self._cuts:
            rank = min(k, self.size)
            self._cuts[k] = self.cut_before(np.count_nonzero(self.edges[:, 1:] <= rank, axis=1), rank)
        return self._cuts[k]

    def cut_before(self, group_Q: NDArray[np.int64], k: int) -> Cut:
        """Cut the ranking off before a group of each query, or within it after rank k."""
        row_Q = np.arange(len(group_Q))
        inside = row_Q, np.minimum(group_Q, self.items.shape[1] - 1)
        before_Q = self.edges[row_Q, group_Q]
        return Cut(
            group_Q,
            before_Q,
            self.found[row_Q, group_Q],
            self.items[inside],
            self.relevant[inside],
            self.gain[inside],
            np.maximum(k - before_Q, 0),
        )

    def hits(self, ranks_n: NDArray[np.int64]) -> NDArray[np.float64]:
        """Expected number of relevant items among the first n, for rising n up to the size: float64[Q, n].

        Within a group it grows in proportion. The queries are set one behind the other for one interpolation.
        """
        if not len(self.edges):
            return np.empty((0, len(ranks_n)))
        rows_Q1 = (self.size + 1) * np.arange(len(self.edges))[:, None]
        at = np.interp((ranks_n + rows_Q1).ravel(), (self.edges + rows_Q1).ravel(), self.found.ravel())
        return np.asarray(at.reshape(len(rows_Q1), -1))


def blocks(query: Side, retrieval: Side, ties: Ties, grades: int) -> list[range]:
    """Cut the queries into blocks that are small enough to rank at once."""
    cells = max(query.distances * grades, len(retrieval) if ties == "by_id" else 0)
    step = min(QUERIES, max(1, CELLS // cells))
    return [range(start, min(start + step, len(query))) for start in range(0, len(query), step)]


def rank(query: Side, retrieval: Side, rows: range, ties: Ties, grades: int) -> tuple[Ranking, Ranking]:
    """Rank a block of queries: with one group per distance, and under a rule for ties.

    `expected` keeps items of one distance as one group in random order: both are the same. The other rules
    order each group into smaller ones of equal items: `optimistic` by falling, `pessimistic` by rising number
    of shared labels, `by_id` by position in the retrieval set.
    """
    counts_QMG = counts_by_distance(query, retrieval, rows, grades)
    by_distance = Ranking.of_counts(counts_QMG)
    if ties == "expected":
        return by_distance, by_distance
    if ties == "by_id":
        gain_QN = grades_by_rank(query, retrieval, rows, grades).astype(np.float64)
        relevant_QN = (gain_QN > 0).astype(np.float64)
        return by_distance, Ranking(np.ones_like(gain_QN), relevant_QN, gain_QN, by_distance.grades)
    return by_distance, Ranking.of_grades(counts_QMG, falling=ties == "optimistic")


def _sums(parts_QM: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of the parts before each one, and of all: float64[Q, M + 1]."""
    sums = np.zeros((len(parts_QM), parts_QM.shape[1] + 1))
    np.cumsum(parts_QM, axis=1, out=sums[:, 1:])
    return sums
