"""Rankings as groups of items in random order: a shape in which all rules for ties are one arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.histogram import Side, counts_by_distance, grades_by_rank
from crosshash.retrieval.ranking.tie_groups import discounts, harmonic, precisions_before, ratio

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
    def of_counts(cls, counts: NDArray[np.integer]) -> Ranking:
        """Take groups from counts[Q, M, G] of items by group and number of shared labels."""
        numbers, grade = counts.astype(np.float64), np.arange(counts.shape[2], dtype=np.float64)
        items = np.einsum("qmg->qm", numbers)
        gain = np.einsum("qmg,g->qm", numbers, grade)  # no matrix product, which starts threads of its own
        return cls(items, items - numbers[:, :, 0], gain, np.einsum("qmg->qg", numbers).astype(np.int64))

    @classmethod
    def of_grades(cls, counts: NDArray[np.int32], *, falling: bool) -> Ranking:
        """Cut each group of counts[Q, M, G] into G, by falling or rising number of shared labels."""
        grade = np.arange(counts.shape[2])[:: -1 if falling else 1]
        items = counts[:, :, grade].reshape(len(counts), -1).astype(np.float64)
        shared = np.tile(grade, counts.shape[1])
        return cls(items, items * (shared > 0), items * shared, counts.sum(axis=1, dtype=np.int64))

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
        weights = np.diff(discounts(self.size)[self.edges], axis=1)
        return _sums(ratio(self.gain, self.items) * weights)

    @property
    def all_relevant(self) -> NDArray[np.int64]:
        """Relevant items in the whole set: int64[Q]."""
        return np.asarray(self.grades[:, 1:].sum(axis=1))

    @property
    def size(self) -> int:
        """Items in the retrieval set."""
        return int(self.grades[0].sum()) if len(self.grades) else 0

    def take(self, rows: NDArray[np.bool_]) -> Ranking:
        """Keep some of the queries."""
        return Ranking(self.items[rows], self.relevant[rows], self.gain[rows], self.grades[rows])

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

    def cut_before(self, group: NDArray[np.int64], k: int) -> Cut:
        """Cut the ranking off before a group of each query, int64[Q], or within it after rank k."""
        row = np.arange(len(group))
        inside = row, np.minimum(group, self.items.shape[1] - 1)
        before = self.edges[row, group]
        return Cut(
            group,
            before,
            self.found[row, group],
            self.items[inside],
            self.relevant[inside],
            self.gain[inside],
            np.maximum(k - before, 0),
        )

    def hits(self, ranks: NDArray[np.int64]) -> NDArray[np.float64]:
        """Expected number of relevant items among the first n, for rising n up to the size: float64[Q, n].

        Within a group it grows in proportion. The queries are set one behind the other for one interpolation.
        """
        if not len(self.edges):
            return np.empty((0, len(ranks)))
        rows = (self.size + 1) * np.arange(len(self.edges))[:, None]
        at = np.interp((ranks + rows).ravel(), (self.edges + rows).ravel(), self.found.ravel())
        return np.asarray(at.reshape(len(rows), -1))


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
    counts = counts_by_distance(query, retrieval, rows, grades)
    by_distance = Ranking.of_counts(counts)
    if ties == "expected":
        return by_distance, by_distance
    if ties == "by_id":
        gain = grades_by_rank(query, retrieval, rows, grades).astype(np.float64)
        relevant = (gain > 0).astype(np.float64)
        return by_distance, Ranking(np.ones_like(gain), relevant, gain, by_distance.grades)
    return by_distance, Ranking.of_grades(counts, falling=ties == "optimistic")


def _sums(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of the parts before each one, and of all: [Q, M] to [Q, M + 1]."""
    sums = np.zeros((len(parts), parts.shape[1] + 1))
    np.cumsum(parts, axis=1, out=sums[:, 1:])
    return sums
