"""Rank items by real-valued scores: all of them, or the first candidates of a ranking by Hamming distance.

One sort of each query's scores gives what average precision needs; no array of groups of all items is made.
Shapes: Q queries, N items, R candidates, M groups of items, D distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.filled_groups import (
    HEAD,
    RULES,
    Values,
    alone,
    rank_candidates,
    rank_keys,
    rank_whole,
)
from crosshash.retrieval.ranking.radix_sort import (
    count_items,
    falling_keys,
    fill_items,
    nearest_items,
    relevant_keys,
    sort_items,
)
from crosshash.retrieval.ranking.tie_groups import harmonic
from crosshash.retrieval.ranking.tied_ranking import Cut, Ranking, Ties

Words = NDArray[np.uint64]


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
    if ties == "by_id":
        nowhere = np.zeros((0, len(scores_QN)), np.uint64), np.zeros((0, scores_QN.shape[1]), np.uint64)
        return rank_in_stages(nowhere, scores_QN, relevant_QN, [], ties)[0]
    count, groups_Q3M = scores_QN.shape[1], _room(len(scores_QN))
    keys_N, other_N, found_N = np.empty((3, count), np.uint32)
    # Which of equal items is where does not matter, so that numbers alone are sorted.
    for scores_N, relevant_N, groups_3M in zip(scores_QN, relevant_QN, groups_Q3M, strict=True):
        falling_keys(scores_N, keys_N)
        found = relevant_keys(keys_N, relevant_N, found_N)
        found_R = sort_items(found_N[:found], other_N[:found]).copy()
        rank_keys(sort_items(keys_N, other_N), found_R, harmonic(count), RULES[ties], groups_3M)
    return _ranking(groups_Q3M)


def rank_in_stages(
    codes: tuple[Words, Words],
    scores_QN: NDArray[np.float32],
    relevant_QN: NDArray[np.bool_],
    sizes: Sequence[int],
    ties: Ties,
) -> list[HeadRanking]:
    """Rank by falling score alone; then, for each of `sizes`, by code and so many candidates by score.

    Candidates are the first in the order of (distance, row), which equal scores among them keep, as `rerank`
    has it; they are groups of one, and the groups of equal distance keep what they leave. codes: of queries
    and items, uint64[W, Q] and uint64[W, N].
    """
    queries, count = scores_QN.shape
    distances, sums_N, rule = 64 * len(codes[1]) + 1, harmonic(count), RULES[ties]
    head = count if ties == "by_id" else max((size for size in sizes if size < count), default=0)
    by_score_Q3M, whole_Q3M = _room(queries), _room(queries)
    groups = [_room(queries) if size < count else whole_Q3M for size in sizes]
    items_N, others_N, some_R, others_R = (np.empty(size, np.uint64) for size in (count, count, head, head))
    for q in range(queries):
        fill_items(codes[0][:, q], codes[1], scores_QN[q], relevant_QN[q], items_N)
        counts_D2 = count_items(items_N, distances)
        near_R = nearest_items(items_N, counts_D2, head)
        sorted_N = sort_items(items_N, others_N)
        rank_whole(sorted_N, distances, sums_N, rule, by_score_Q3M[q], whole_Q3M[q])
        for size, groups_Q3M in zip(sizes, groups, strict=True):
            if size < count:
                some_R[:size] = near_R[:size]
                first_R = sort_items(some_R[:size], others_R[:size])
                left_M2 = counts_D2 - count_items(near_R[:size], distances)
                left_M2 = alone(near_R[size:]) if ties == "by_id" else left_M2
                rank_candidates(first_R, left_M2, sums_N, rule, groups_Q3M[q])
    return [_ranking(groups_Q3M) for groups_Q3M in (by_score_Q3M, *groups)]


def _room(queries: int) -> Values:
    """Make room for items, relevant items and sums of each group of each query: float64[Q, 3, M + 1]."""
    return np.zeros((queries, 3, HEAD + 2))


def _ranking(groups_Q3M: Values) -> HeadRanking:
    items_QM, found_QM = groups_Q3M[:, 0, :-1], groups_Q3M[:, 1, :-1]
    grades_Q2 = np.stack([(items_QM - found_QM).sum(axis=1), found_QM.sum(axis=1)], axis=1).astype(np.int64)
    return HeadRanking(items_QM, found_QM, found_QM, grades_Q2, groups_Q3M[:, 2])
