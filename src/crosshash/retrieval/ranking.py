"""Rankings as groups of items in random order: a shape in which all rules for ties are one arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.histogram import Side, counts_by_distance, grades_by_rank

Ties = Literal["expected", "by_id", "optimistic", "pessimistic"]

CELLS = 1 << 20  # numbers per array of a block: memory stays flat however large the sets are
QUERIES = 256  # queries per block at most: its arrays fit the cache, and threads have blocks to share


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
    def of_counts(cls, counts: NDArray[np.int32]) -> Ranking:
        """Take groups from counts[Q, M, G] of items by group and number of shared labels."""
        grade = np.arange(counts.shape[2])
        weights = np.stack([np.ones_like(grade), grade > 0, grade]).astype(np.float64)
        items, relevant, gain = weights @ counts.astype(np.float64).reshape(-1, len(grade)).T
        shape = counts.shape[:2]
        totals = counts.sum(axis=1, dtype=np.int64)
        return cls(items.reshape(shape), relevant.reshape(shape), gain.reshape(shape), totals)

    @cached_property
    def before(self) -> NDArray[np.int64]:
        """Items ranked before each group: int64[Q, M]."""
        return (np.cumsum(self.items, axis=1) - self.items).astype(np.int64)

    @cached_property
    def _earliest(self) -> NDArray[np.int64]:
        """Items before each group for the query where they are fewest: int64[M], not falling."""
        return np.asarray(self.before.min(axis=0, initial=self.size))

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

    def top(self, k: int) -> Ranking:
        """Drop the groups that begin after rank k for every query."""
        groups = int(np.searchsorted(self._earliest, k))
        items, relevant, gain = (part[:, :groups] for part in (self.items, self.relevant, self.gain))
        return Ranking(items, relevant, gain, self.grades)


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
    return by_distance, Ranking.of_counts(_split(counts, ties))


def rank_groups(relevant: NDArray[np.bool_], starts: NDArray[np.bool_], ties: Ties) -> Ranking:
    """Rank items in an order that is found already; by relevance alone, not by number of shared labels.

    relevant: bool[Q, N] in that order; starts: bool[Q, N], where groups of ties begin; the first place does.
    """
    if ties == "by_id":
        starts = np.ones_like(starts)
    group = np.cumsum(starts, axis=1) - 1
    width = int(group[:, -1].max()) + 1
    cell = 2 * (group + width * np.arange(len(group))[:, None]) + relevant
    counts = np.bincount(cell.ravel(), minlength=2 * group.shape[0] * width).astype(np.int32)
    counts = counts.reshape(-1, width, 2)
    return Ranking.of_counts(_split(counts, ties) if ties in ("optimistic", "pessimistic") else counts)


def _split(counts: NDArray[np.int32], ties: Ties) -> NDArray[np.int32]:
    """Split each distance into one group per number of shared labels: int32[Q, D * G, G]."""
    queries, distances, grades = counts.shape
    order = np.arange(grades)[:: -1 if ties == "optimistic" else 1]
    split = np.zeros((queries, distances, grades, grades), dtype=np.int32)
    split[:, :, np.arange(grades), order] = counts[:, :, order]
    return split.reshape(queries, distances * grades, grades)
