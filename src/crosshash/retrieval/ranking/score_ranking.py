"""Rank items by real-valued scores: all of them, or the first candidates of a ranking by Hamming distance.

One sort of each query's scores gives what average precision needs; no array of groups of all items is made.
Shapes: Q queries, N items, R candidates, M groups of items, D distances.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.compiled import compiled
from crosshash.retrieval.ranking.radix_sort import (
    DISTANCE,
    MARK,
    Items,
    falling_keys,
    keys_of,
    nearest_items,
    sort_items,
)
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


def rank_by_score(scores_QN: NDArray[np.float32], relevant_QN: NDArray[np.bool_], ties: Ties) -> HeadRanking:
    """Rank all items by falling score; both in the order of the rows."""
    groups_Q3M = _room(len(scores_QN))
    for scores_N, relevant_N, groups_3M in zip(scores_QN, relevant_QN, groups_Q3M, strict=True):
        if ties == "by_id":
            nowhere_N = np.zeros(len(scores_N), np.uint16)
            items_N = sort_items(nearest_items(nowhere_N, scores_N, relevant_N))
            _rank_items(items_N, _NOTHING, harmonic(len(items_N)), RULES[ties], groups_3M)
        else:  # which of equal items is where does not matter, so that numbers alone are sorted
            keys_N = falling_keys(scores_N)
            found_R = sort_items(keys_N[np.flatnonzero(relevant_N)])
            _rank_keys(sort_items(keys_N), found_R, harmonic(len(keys_N)), RULES[ties], groups_3M)
    return _ranking(groups_Q3M)


class NearItems:
    """Items of each query in the order of (distance, row), which equal scores keep, as `rerank` has it."""

    def __init__(
        self,
        distances_QN: NDArray[np.integer],
        scores_QN: NDArray[np.float32],
        relevant_QN: NDArray[np.bool_],
    ) -> None:
        rows = zip(distances_QN, scores_QN, relevant_QN, strict=True)
        self.near = [nearest_items(*row) for row in rows]
        self.sums_N = harmonic(scores_QN.shape[1])

    @cached_property
    def by_score(self) -> list[Items]:
        """All items of each query, sorted."""
        return [sort_items(items_N) for items_N in self.near]

    def rank(self, ties: Ties) -> HeadRanking:
        """Rank by falling score alone; under `by_id` equal ones stay in the order of (distance, row)."""
        groups_Q3M = _room(len(self.near))
        for items_N, groups_3M in zip(self.by_score, groups_Q3M, strict=True):
            _rank_keys(*keys_of(items_N), self.sums_N, RULES[ties], groups_3M)
        return _ranking(groups_Q3M)

    def rank_candidates(self, size: int, ties: Ties) -> HeadRanking:
        """Rank by Hamming distance, the first so many items once more by their quantised vectors.

        Candidates are groups of one; the groups of equal distance keep what candidates leave.
        """
        rule, groups_Q3M = RULES[ties], _room(len(self.near))
        for q, (items_N, groups_3M) in enumerate(zip(self.near, groups_Q3M, strict=True)):
            sorted_R = self.by_score[q] if size >= len(items_N) else sort_items(items_N[:size])
            left_M2 = _ones(items_N[size:]) if ties == "by_id" else self._left(q, size)
            _rank_items(sorted_R, left_M2, self.sums_N, rule, groups_3M)
        return _ranking(groups_Q3M)

    @cached_property
    def _at_distances(self) -> list[NDArray[np.int64]]:
        """Items and relevant items of each query at each distance: int64[D, 2]; the last is the farthest."""
        return [_counts(items_N, int(items_N[-1] >> DISTANCE) + 1) for items_N in self.near]

    def _left(self, q: int, size: int) -> NDArray[np.int64]:
        """What candidates leave of each distance."""
        whole_D2 = self._at_distances[q]
        return whole_D2 - _counts(self.near[q][:size], len(whole_D2))


def _room(queries: int) -> Values:
    """Make room for items, relevant items and sums of each group of each query: float64[Q, 3, M + 1]."""
    return np.zeros((queries, 3, HEAD + 2))


def _ranking(groups_Q3M: Values) -> HeadRanking:
    items_QM, found_QM = groups_Q3M[:, 0, :-1], groups_Q3M[:, 1, :-1]
    grades_Q2 = np.stack([(items_QM - found_QM).sum(axis=1), found_QM.sum(axis=1)], axis=1).astype(np.int64)
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
    groups_3M[2, at + 1 :] = total


@compiled
def _rank_keys(
    keys_N: NDArray[np.uint32], found_R: NDArray[np.uint32], sums_N: Values, rule: int, groups_3M: Values
) -> None:
    """Fill the groups of a query: items of one key are one. Both sorted; found: those of relevant items."""
    total, before, found = 0.0, 0, 0
    while before < min(HEAD, len(keys_N)):
        n, r = _equal(keys_N, before), 0
        if found < len(found_R) and found_R[found] == keys_N[before]:
            r = _equal(found_R, found)
        total += _precisions(sums_N, before, float(found), rule, n, r)
        _keep(groups_3M, before, rule, n, r, total)
        before, found = before + n, found + r
    head, head_found = before, found
    while found < len(found_R):  # of groups without a relevant item nothing has to be known any more
        while keys_N[before] != found_R[found]:
            before += 1
        n, r = _equal(keys_N, before), _equal(found_R, found)
        total += _precisions(sums_N, before, float(found), rule, n, r)
        before, found = before + n, found + r
    if head < len(keys_N):
        _keep_one(groups_3M, HEAD, len(keys_N) - head, found - head_found, total)


@compiled
def _equal(keys_N: NDArray[np.uint32], start: int) -> int:
    stop = start + 1
    while stop < len(keys_N) and keys_N[stop] == keys_N[start]:
        stop += 1
    return stop - start


@compiled
def _rank_items(
    items_N: Items, left_M2: NDArray[np.int64], sums_N: Values, rule: int, groups_3M: Values
) -> None:
    """Fill the groups of a query: sorted items one by one, then groups of (items, relevant items)."""
    total, found, behind_found = 0.0, 0, 0
    for before in range(len(items_N)):
        r = int(items_N[before] >> MARK & np.uint64(1))
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
        n, r = int(left_M2[m, 0]), int(left_M2[m, 1])
        total += _precisions(sums_N, before, float(found), rule, n, r)
        _keep(groups_3M, before, rule, n, r, total)
        before += n
        found += r


@compiled
def _counts(items_N: Items, distances: int) -> NDArray[np.int64]:
    """Count items and relevant items at each of so many distances: int64[D, 2]."""
    counts_D2 = np.zeros((distances, 2), np.int64)
    for item in items_N:
        counts_D2[item >> DISTANCE, 0] += 1
        counts_D2[item >> DISTANCE, 1] += np.int64(item >> MARK & np.uint64(1))
    return counts_D2


@compiled
def _ones(items_N: Items) -> NDArray[np.int64]:
    """Make a group of each item: int64[N, 2]."""
    ones_N2 = np.ones((len(items_N), 2), np.int64)
    for j in range(len(items_N)):
        ones_N2[j, 1] = np.int64(items_N[j] >> MARK & np.uint64(1))
    return ones_N2
