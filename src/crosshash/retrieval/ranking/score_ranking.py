"""Rank items by real-valued scores: all of them, or the first candidates of a ranking by Hamming distance.

One sort of each query's scores gives what average precision needs; no array of groups of all items is made.
Shapes: Q queries, N items, R candidates, M groups of items, D distances.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.compiled import compiled
from crosshash.retrieval.ranking.radix_sort import DISTANCE, MARK, Items, falling_keys, nearest_items, sort_items
from crosshash.retrieval.ranking.tie_groups import harmonic, precisions_of_group
from crosshash.retrieval.ranking.tied_ranking import Cut, Ranking, Ties

HEAD = 50
"""Ranks up to which groups are kept one by one."""
RULES: dict[Ties, int] = {"expected": 0, "by_id": 1, "optimistic": 2, "pessimistic": 3}
Values = NDArray[np.float64]
_NOTHING = np.zeros((0, 2), np.int64)


@dataclass(frozen=True)
class HeadRanking(Ranking):
    """A ranking that is cut off within the first HEAD ranks or not at all.

    The groups that begin there are kept; all items behind are one group more, the last. sums: expected sum of
    the precisions before each group and, of the real groups behind the head too, of all: float64[Q, M + 1].
    """

    sums: Values

    @cached_property
    def precisions(self) -> Values:
        """As the class says."""
        return self.sums

    def take(self, kept_Q: NDArray[np.bool_]) -> Ranking:
        """Keep some of the queries."""
        kept = super().take(kept_Q)
        return HeadRanking(kept.items, kept.relevant, kept.gain, kept.grades, self.sums[kept_Q])

    def cut(self, k: int) -> Cut:
        """Cut the ranking off after rank k, or after the last one.

        Raises:
            ValueError: it is cut off behind the head.
        """
        if HEAD < k < self.size:
            raise ValueError(f"groups are known up to rank {HEAD}, not to {k}")
        return super().cut(k)


def rank_by_score(
    scores_QN: NDArray[np.float32], relevant_QN: NDArray[np.bool_], ties: Ties
) -> HeadRanking:
    """Rank all items by falling score; both in the order of the rows."""
    sums_N, rule, groups_Q3M = harmonic(scores_QN.shape[1]), RULES[ties], _room(len(scores_QN))
    for scores_N, relevant_N, groups_3M in zip(scores_QN, relevant_QN, groups_Q3M, strict=True):
        if ties == "by_id":
            nowhere_N = np.zeros(len(scores_N), np.uint16)
            items_N = sort_items(nearest_items(nowhere_N, scores_N, relevant_N))
            _rank_items(items_N, _NOTHING, sums_N, rule, groups_3M)
        else:  # which of equal items is where does not matter, so that numbers alone are sorted
            keys_N = falling_keys(scores_N)
            _rank_keys(np.sort(keys_N), np.sort(keys_N[relevant_N]), sums_N, rule, groups_3M)
    return _ranking(groups_Q3M, relevant_QN)


def rank_by_candidates(
    distances_QN: NDArray[np.integer],
    scores_QN: NDArray[np.float32],
    relevant_QN: NDArray[np.bool_],
    sizes: Iterable[int],
    ties: Ties,
) -> Iterable[HeadRanking]:
    """Rank by Hamming distance, the first of each number of items once more by their quantised vectors.

    All in the order of the rows; equal scores are in the order of (distance, row), as `rerank` has it.
    Candidates are groups of one; the groups of equal distance keep what candidates leave.
    """
    sums_N, rule = harmonic(scores_QN.shape[1]), RULES[ties]
    near = [nearest_items(*row) for row in zip(distances_QN, scores_QN, relevant_QN, strict=True)]
    counts = [_counts(items_N, int(items_N[-1] >> DISTANCE) + 1) for items_N in near]
    for size in sizes:
        groups_Q3M = _room(len(near))
        for items_N, counts_D2, groups_3M in zip(near, counts, groups_Q3M, strict=True):
            left_M2 = _left(items_N, counts_D2, size, rule)
            _rank_items(sort_items(items_N[:size]), left_M2, sums_N, rule, groups_3M)
        yield _ranking(groups_Q3M, relevant_QN)


def _room(queries: int) -> Values:
    """Make room for items, relevant items and sums of each group of each query: float64[Q, 3, M + 1]."""
    return np.zeros((queries, 3, HEAD + 2))


def _ranking(groups_Q3M: Values, relevant_QN: NDArray[np.bool_]) -> HeadRanking:
    items_QM, found_QM = groups_Q3M[:, 0, :-1], groups_Q3M[:, 1, :-1]
    relevant_Q = np.count_nonzero(relevant_QN, axis=1)
    grades_Q2 = np.stack([relevant_QN.shape[1] - relevant_Q, relevant_Q], axis=1)
    return HeadRanking(items_QM, found_QM, found_QM, grades_Q2, groups_Q3M[:, 2])


@compiled
def _precisions(sums_N: Values, before: int, found: float, rule: int, n: int, r: int) -> float:
    """Sum the precisions of n equal items, r of them relevant, `before` items and `found` relevant ones."""
    if r == 0:
        return 0.0
    if rule == 2:
        return precisions_of_group(sums_N, before, found, float(r), float(r), float(r))
    if rule == 3:
        return precisions_of_group(sums_N, before + n - r, found, float(r), float(r), float(r))
    return precisions_of_group(sums_N, before, found, float(n), float(r), float(n))


@compiled
def _keep(groups_3M: Values, before: int, rule: int, n: int, r: int, total: float) -> None:
    """Keep a group that begins at rank `before`, or add it to the last one; total: the sum including it."""
    if n == 0:
        return
    if rule == 2 and 0 < r < n:
        _keep_one(groups_3M, before, r, r, total)
        _keep_one(groups_3M, before + r, n - r, 0, total)
    elif rule == 3 and 0 < r < n:
        _keep_one(groups_3M, before, n - r, 0, groups_3M[2, -1])
        _keep_one(groups_3M, before + n - r, r, r, total)
    else:
        _keep_one(groups_3M, before, n, r, total)


@compiled
def _keep_one(groups_3M: Values, before: int, n: int, r: int, total: float) -> None:
    last, at = groups_3M.shape[1] - 2, 0
    if before >= HEAD:
        at = last
    while at < last and groups_3M[0, at]:
        at += 1
    groups_3M[0, at] += n
    groups_3M[1, at] += r
    groups_3M[2, (at + 1 if before < HEAD else last + 1) :] = total


@compiled
def _rank_keys(
    keys_N: NDArray[np.uint32], found_R: NDArray[np.uint32], sums_N: Values, rule: int, groups_3M: Values
) -> None:
    """Fill the groups of a query: items of one key are one. Both sorted; found: those of relevant items."""
    total, before, found, behind, behind_found = 0.0, 0, 0, 0, 0
    while before < len(keys_N):
        stop, r = before + 1, 0
        while stop < len(keys_N) and keys_N[stop] == keys_N[before]:
            stop += 1
        while found + r < len(found_R) and found_R[found + r] == keys_N[before]:
            r += 1
        if r:
            total += _precisions(sums_N, before, float(found), rule, stop - before, r)
        if before < HEAD:
            _keep(groups_3M, before, rule, stop - before, r, total)
        else:
            behind += stop - before
            behind_found += r
        before, found = stop, found + r
    if behind:
        _keep_one(groups_3M, HEAD, behind, behind_found, total)


@compiled
def _rank_items(
    items_N: Items, left_M2: NDArray[np.int64], sums_N: Values, rule: int, groups_3M: Values
) -> None:
    """Fill the groups of a query: sorted items one by one, then groups of (items, relevant items)."""
    total, found, behind_found = 0.0, 0, 0
    for before in range(len(items_N)):
        r = np.int64(items_N[before] >> MARK & np.uint64(1))
        if r:
            total += _precisions(sums_N, before, float(found), 0, 1, 1)
        if before < HEAD:
            _keep_one(groups_3M, before, 1, r, total)
        else:
            behind_found += r
        found += r
    before = len(items_N)
    if before > HEAD:
        _keep_one(groups_3M, HEAD, before - HEAD, behind_found, total)
    for m in range(len(left_M2)):
        n, r = left_M2[m]
        total += _precisions(sums_N, before, float(found), rule, n, r)
        _keep(groups_3M, before, rule, n, r, total)
        before += n
        found += r


@compiled
def _counts(items_N: Items, distances: int) -> NDArray[np.int64]:
    """Count items and relevant items at each of so many distances: int64[D, 2]."""
    counts_D2 = np.zeros((distances, 2), np.int64)
    for item in items_N:
        counts_D2[np.int64(item >> DISTANCE), 0] += 1
        counts_D2[np.int64(item >> DISTANCE), 1] += np.int64(item >> MARK & np.uint64(1))
    return counts_D2


@compiled
def _left(items_N: Items, counts_D2: NDArray[np.int64], size: int, rule: int) -> NDArray[np.int64]:
    """List what candidates leave as groups of (items, relevant items): int64[M, 2]."""
    if rule != 1:
        return counts_D2 - _counts(items_N[:size], len(counts_D2))
    ones_M2 = np.ones((len(items_N) - size, 2), np.int64)
    for m in range(len(ones_M2)):
        ones_M2[m, 1] = np.int64(items_N[size + m] >> MARK & np.uint64(1))
    return ones_M2
