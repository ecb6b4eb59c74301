"""Rankings by asymmetric distance: the query's real code against the items' hash codes.

With a query's code q in whole numbers and an item's code b of +-1, the distance is the sum of |q_i| over the
bits where b_i is not the sign of q_i, which is (sum |q_i| - <q, b>) / 2: falling inner product, and Hamming
distance where all |q_i| are 1. Being whole numbers, equal distances are ties as Hamming distances are.
Of items that are stored as vectors the distance is the place of their inner product among all that occur.
Shapes: Q queries, q those of a block, K bits, N items, n those of a chunk, D distances, G shared labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hashcodes import unpack
from crosshash.codes.vector_code import VectorCode
from crosshash.retrieval.ranking.compiled import compiled
from crosshash.retrieval.ranking.histogram import Side, popcount
from crosshash.retrieval.ranking.tied_ranking import CELLS, Ranking, Ties

QUERIES = 128  # per block at most: with 64 the product takes a quarter longer
LEAST = 32  # per block at least, however many items: signs are looked up anew for every block
CHUNK = 2048  # items compared at once: so do their codes and distances
BYTES = unpack(np.arange(256, dtype=np.uint8)[:, None], 8).astype(np.float32)
"""The signs of every byte of a code, float32[256, 8]: looking them up is 15 times as fast as unpacking."""
Levels = NDArray[np.int8]
Labels = tuple[NDArray[np.uint64], NDArray[np.uint64]]


@dataclass(frozen=True)
class RealSearch:
    """Queries with real codes int8[Q, K], and items with codes uint8[N, ceil(K/8)]; labels of both.

    Of the two sides the labels count, not the codes. code: how items are read that are no signs.
    """

    levels: Levels
    packed: NDArray[np.uint8]
    query: Side
    retrieval: Side
    code: VectorCode | None = None

    @cached_property
    def farthest(self) -> int:
        """The largest distance that any of the queries can have."""
        if self.code is not None:
            return len(self.packed)
        return int(np.abs(self.levels.astype(np.int32)).sum(axis=1).max(initial=0))

    def blocks(self, ties: Ties = "expected") -> list[range]:
        """Cut the queries into blocks whose distances to all items are few enough to be held at once.

        Of more than 65,536 items a block holds 128 bytes of each, unless items are sorted or decoded, which
        takes ten times as much.
        """
        count = len(self.levels)
        least = LEAST if self.code is None and ties != "by_id" else 1
        step = min(QUERIES, max(least, 2 * CELLS // max(len(self.packed), 1)))
        return [range(start, min(start + step, count)) for start in range(0, count, step)]

    def rank(self, rows: range, ties: Ties, grades: int) -> Ranking:
        """Rank the items for a block of queries, with one group per distance, or as `ties` orders each."""
        if ties == "by_id":
            return self._by_position(rows, grades)
        width = min((self.farthest + 1) * (1 if ties == "expected" else grades), len(self.packed))
        groups_3qM, totals_qG = np.empty((3, len(rows), width)), np.zeros((len(rows), grades), np.int64)
        order = {"expected": 0, "optimistic": -1, "pessimistic": 1}[ties]
        apart = self._apart(rows)
        most = _rank(*apart, self._labels(rows), self.farthest, order, groups_3qM, totals_qG)
        items, relevant, gain = (np.ascontiguousarray(part_qM[:, :most]) for part_qM in groups_3qM)
        return Ranking(items, relevant, gain, totals_qG)

    def distances(self, rows: range) -> NDArray[np.float32]:
        """Distances of some queries to all items, float32[q, N], whole numbers.

        They are a product of whole numbers and halves of them, which is exact in float32.
        """
        found_qN, sums_q = self._apart(rows)
        found_qN += sums_q[:, None]
        return found_qN

    def _apart(self, rows: range) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give the distances as two numbers to add: float32[q, N], and one of each query, float32[q]."""
        if self.code is not None:
            return _places(self._products(rows, self.code)), np.zeros(len(rows), np.float32)
        found_qN = np.empty((len(rows), len(self.packed)), np.float32)
        halves_qK = np.zeros((len(rows), 8 * self.packed.shape[1]), np.float32)  # nothing for pad bits
        halves_qK[:, : self.levels.shape[1]] = self.levels[rows.start : rows.stop] * np.float32(-0.5)
        for start in range(0, len(self.packed), CHUNK):
            signs_nK = np.take(BYTES, self.packed[start : start + CHUNK], axis=0)
            found_qn = found_qN[:, start : start + CHUNK]
            np.matmul(halves_qK, signs_nK.reshape(-1, halves_qK.shape[1]).T, out=found_qn)
        return found_qN, np.abs(halves_qK).sum(axis=1)

    def _products(self, rows: range, code: VectorCode) -> NDArray[np.float64]:
        """Inner products of some queries with all decoded items, float64[q, N]; the sums are exact."""
        levels_qK = self.levels[rows.start : rows.stop].astype(np.float64)
        starts = range(0, len(self.packed), CHUNK)
        return np.concatenate(
            [levels_qK @ code.decode(self.packed[start : start + CHUNK]).T for start in starts], axis=1
        )

    def _labels(self, rows: range) -> Labels:
        return np.ascontiguousarray(self.query.labels[:, rows.start : rows.stop]), self.retrieval.labels

    def _by_position(self, rows: range, grades: int) -> Ranking:
        """Items of equal distance in the order of the retrieval set: groups of one."""
        shared_qN = np.zeros((len(rows), len(self.packed)))
        for mine, theirs in zip(*self._labels(rows), strict=True):
            shared_qN += np.bitwise_count(mine[:, None] & theirs[None, :])
        shared_qN = np.minimum(shared_qN, grades - 1)
        order_qN = np.argsort(self.distances(rows), axis=1, kind="stable")
        gain_qN = np.take_along_axis(shared_qN, order_qN, axis=1)
        totals_qG = np.stack([(shared_qN == grade).sum(axis=1) for grade in range(grades)], axis=1)
        return Ranking(np.ones_like(gain_qN), (gain_qN > 0).astype(np.float64), gain_qN, totals_qG)


def _places(scores_qN: NDArray[np.float64]) -> NDArray[np.float32]:
    """Number the scores that occur, the highest 0, equal ones alike: float32[q, N], whole numbers."""
    order_qN = np.argsort(-scores_qN, axis=1)
    falling_qN = np.take_along_axis(scores_qN, order_qN, axis=1)
    numbers_qN = np.zeros(scores_qN.shape, np.float32)
    numbers_qN[:, 1:] = np.cumsum(falling_qN[:, 1:] != falling_qN[:, :-1], axis=1)
    places_qN = np.empty_like(numbers_qN)
    np.put_along_axis(places_qN, order_qN, numbers_qN, axis=1)
    return places_qN


@compiled
def _count(
    q: int,
    distances_N: NDArray[np.float32],
    more: np.float32,
    labels: Labels,
    counts: NDArray[np.int32],
    grades: int,
) -> None:
    """Count the items of one query in cells `distance * grades + grade`, chunk by chunk.

    more: what the distances lack.
    """
    query_Lq, labels_LN = labels
    shared_n = np.empty(CHUNK, np.uint32)
    counts[:] = 0
    for start in range(0, len(distances_N), CHUNK):
        near_n = distances_N[start : start + CHUNK]
        shared_n[:] = 0
        for w in range(len(labels_LN)):
            word, words_n = query_Lq[w, q], labels_LN[w, start : start + CHUNK]
            for j in range(len(near_n)):
                shared_n[j] += np.uint32(popcount(word & words_n[j]))
        for j in range(len(near_n)):  # many at once, which counting cannot be
            shared_n[j] = np.uint32(np.int32(near_n[j] + more) * grades) + min(
                shared_n[j], np.uint32(grades - 1)
            )
        for j in range(len(near_n)):
            counts[shared_n[j]] += 1


@compiled
def _sum_up(counts_DG: NDArray[np.int32], groups_3M: NDArray[np.float64], totals_G: NDArray[np.int64]) -> int:
    """Make a group of each distance that occurs in one query's counts; gives how many."""
    group = 0
    for distance in range(len(counts_DG)):
        items, gain = np.int64(0), np.int64(0)
        for grade in range(counts_DG.shape[1]):  # without a branch, many at once
            number = counts_DG[distance, grade]
            items += number
            gain += np.int64(number) * grade
            totals_G[grade] += number
        if items:
            groups_3M[0, group] = items
            groups_3M[1, group] = items - counts_DG[distance, 0]
            groups_3M[2, group] = gain
            group += 1
    return group


@compiled
def _cut_up(
    counts_DG: NDArray[np.int32], order: int, groups_3M: NDArray[np.float64], totals_G: NDArray[np.int64]
) -> int:
    """Make a group of each distance and number of shared labels that occur; gives how many."""
    group, grades = 0, counts_DG.shape[1]
    for distance in range(len(counts_DG)):
        for place in range(grades):
            grade = grades - 1 - place if order < 0 else place
            number = counts_DG[distance, grade]
            if not number:
                continue
            totals_G[grade] += number
            groups_3M[0, group] = number
            groups_3M[1, group] = number if grade else 0
            groups_3M[2, group] = number * grade
            group += 1
    return group


@compiled
def _rank(
    distances_qN: NDArray[np.float32],
    more_q: NDArray[np.float32],
    labels: Labels,
    farthest: int,
    order: int,
    groups_3qM: NDArray[np.float64],
    totals_qG: NDArray[np.int64],
) -> int:
    """Count items by distance and shared labels, and sum up items, relevant items and shared labels.

    distances and more: added up, they are the distances. groups: of the distances that occur, nearest first;
    order: 0, or how each is cut by shared labels, rising (1) or falling (-1). All queries get as many groups
    as one has at most, empty ones at the end; gives their number. totals: items by shared labels, of which
    the last stands for more, too.
    """
    counts_DG = np.empty((farthest + 1, totals_qG.shape[1]), np.int32)
    numbers_q = np.zeros(len(distances_qN), np.int64)
    for q in range(len(distances_qN)):
        _count(q, distances_qN[q], more_q[q], labels, counts_DG.ravel(), counts_DG.shape[1])
        if order:
            numbers_q[q] = _cut_up(counts_DG, order, groups_3qM[:, q], totals_qG[q])
        else:
            numbers_q[q] = _sum_up(counts_DG, groups_3qM[:, q], totals_qG[q])
    most = numbers_q.max()
    for q in range(len(distances_qN)):
        groups_3qM[:, q, numbers_q[q] : most] = 0
    return int(most)
