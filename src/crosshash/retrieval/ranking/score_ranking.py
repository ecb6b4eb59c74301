"""Rank items by real-valued scores: all of them, or the first candidates of a ranking by Hamming distance.

Shapes: Q queries, N items, R candidates, M groups of items.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.tied_ranking import Ranking, Ties

T = TypeVar("T", bound=np.generic)


def rank_by_score(scores_QN: NDArray[np.float32], relevant_QN: NDArray[np.bool_], ties: Ties) -> Ranking:
    """Rank all items by falling score; both in the order of the rows."""
    order_QN = falling_order(scores_QN)
    group_QN = _groups(take(scores_QN, order_QN), ties)
    return _ranking(_counts(take(relevant_QN, order_QN), group_QN, int(group_QN.max()) + 1), ties)


def rank_by_candidates(
    distances_QN: NDArray[np.integer],
    scores_QN: NDArray[np.float32],
    relevant_QN: NDArray[np.bool_],
    sizes: Iterable[int],
    ties: Ties,
) -> Iterable[Ranking]:
    """Rank by Hamming distance, the first of each number of items once more by their quantised vectors.

    All in the order of (distance, row), so that equal scores keep that order, as `rerank` has it. Candidates
    are groups of one; the groups of equal distance keep what candidates leave.
    """
    group_QN = _groups(distances_QN, ties)
    groups = int(group_QN.max()) + 1
    whole_QM2 = _counts(relevant_QN, group_QN, groups)
    for size in sizes:
        first_QR = relevant_QN[:, :size]
        head_QR = take(first_QR, falling_order(scores_QN[:, :size]))
        ones_QR2 = np.stack([~head_QR, head_QR], axis=2).astype(np.int32)
        left_QM2 = whole_QM2 - _counts(first_QR, group_QN[:, :size], groups)
        yield _ranking(np.concatenate([ones_QR2, left_QM2], axis=1), ties)


def take(table_QN: NDArray[T], order_QN: NDArray[np.int64]) -> NDArray[T]:
    """Put the columns of each row in its own order."""
    return np.take_along_axis(table_QN, order_QN, axis=1)


def falling_order(scores_QN: NDArray[np.float32]) -> NDArray[np.int64]:
    """Order each row by falling score, equal ones by place: int64[Q, N].

    As a stable argsort does, in a third of its time: score and place are sorted as one whole number. The bits
    of a float are in the order of the numbers, of negative ones in the reverse.
    """
    bits_QN = (0.0 - scores_QN).view(np.int32)  # zero less zero is +0.0, whichever zero it was
    bits_QN ^= (bits_QN >> 31) & 0x7FFFFFFF
    keys_QN = bits_QN.astype(np.int64) << 32 | np.arange(scores_QN.shape[1])
    keys_QN.sort(axis=1)
    return np.asarray(keys_QN & 0xFFFFFFFF)


def _groups(ordered_QN: NDArray[np.generic], ties: Ties) -> NDArray[np.int64]:
    """Number the groups of equal values, int64[Q, N]; under `by_id` nothing is equal."""
    group_QN = np.zeros(ordered_QN.shape, np.int64)
    group_QN[:, 1:] = True if ties == "by_id" else ordered_QN[:, 1:] != ordered_QN[:, :-1]
    return np.cumsum(group_QN, axis=1, out=group_QN)


def _counts(relevant_QN: NDArray[np.bool_], group_QN: NDArray[np.int64], groups: int) -> NDArray[np.int32]:
    """Count irrelevant and relevant items by group: int32[Q, M, 2]."""
    cell_QN = 2 * (group_QN + groups * np.arange(len(group_QN))[:, None]) + relevant_QN
    counts = np.bincount(cell_QN.ravel(), minlength=2 * len(group_QN) * groups).astype(np.int32)
    return counts.reshape(-1, groups, 2)


def _ranking(counts_QM2: NDArray[np.int32], ties: Ties) -> Ranking:
    """Rank groups of ties by relevance alone, not by number of shared labels."""
    if ties in ("optimistic", "pessimistic"):
        return Ranking.of_grades(counts_QM2, falling=ties == "optimistic")
    return Ranking.of_counts(counts_QM2)
