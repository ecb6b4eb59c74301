"""Rank items by real-valued scores: all of them, or the first candidates of a ranking by Hamming distance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.tied_ranking import Ranking, Ties

T = TypeVar("T", bound=np.generic)


def rank_by_score(scores: NDArray[np.float32], relevant: NDArray[np.bool_], ties: Ties) -> Ranking:
    """Rank all items by falling score, both [Q, N] in the order of the rows."""
    order = falling_order(scores)
    group = _groups(take(scores, order), ties)
    return _ranking(_counts(take(relevant, order), group, int(group.max()) + 1), ties)


def rank_by_candidates(
    table: NDArray[np.integer],
    scores: NDArray[np.float32],
    relevant: NDArray[np.bool_],
    sizes: Iterable[int],
    ties: Ties,
) -> Iterable[Ranking]:
    """Rank by Hamming distance, the first of each number of items once more by their quantised vectors.

    table, scores, relevant: [Q, N], in the order of (distance, row), so that equal scores keep that order, as
    `rerank` has it. Candidates are groups of one; the groups of equal distance keep what candidates leave.
    """
    group = _groups(table, ties)
    width = int(group.max()) + 1
    whole = _counts(relevant, group, width)
    for size in sizes:
        head = take(relevant[:, :size], falling_order(scores[:, :size]))
        ones = np.stack([~head, head], axis=2).astype(np.int32)
        left = whole - _counts(relevant[:, :size], group[:, :size], width)
        yield _ranking(np.concatenate([ones, left], axis=1), ties)


def take(table: NDArray[T], order: NDArray[np.int64]) -> NDArray[T]:
    """Put the columns of each row in its own order: both [Q, N]."""
    return np.take_along_axis(table, order, axis=1)


def falling_order(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Order the rows of float32[Q, N] by falling score, equal ones by place: int64[Q, N].

    As a stable argsort does, in a third of its time: score and place are sorted as one whole number. The bits
    of a float are in the order of the numbers, of negative ones in the reverse.
    """
    bits = (0.0 - scores).view(np.int32)  # zero less zero is +0.0, whichever zero it was
    bits ^= (bits >> 31) & 0x7FFFFFFF
    keys = bits.astype(np.int64) << 32 | np.arange(scores.shape[1])
    keys.sort(axis=1)
    return np.asarray(keys & 0xFFFFFFFF)


def _groups(ordered: NDArray[np.generic], ties: Ties) -> NDArray[np.int64]:
    """Number the groups of equal values, int64[Q, N]; under `by_id` nothing is equal."""
    group = np.zeros(ordered.shape, np.int64)
    changes = True if ties == "by_id" else ordered[:, 1:] != ordered[:, :-1]
    group[:, 1:] = changes
    return np.cumsum(group, axis=1, out=group)


def _counts(relevant: NDArray[np.bool_], group: NDArray[np.int64], width: int) -> NDArray[np.int32]:
    """Count irrelevant and relevant items by group: int32[Q, width, 2]."""
    cell = 2 * (group + width * np.arange(len(group))[:, None]) + relevant
    counts = np.bincount(cell.ravel(), minlength=2 * len(group) * width).astype(np.int32)
    return counts.reshape(-1, width, 2)


def _ranking(counts: NDArray[np.int32], ties: Ties) -> Ranking:
    """Rank groups of ties by relevance alone, not by number of shared labels."""
    if ties in ("optimistic", "pessimistic"):
        return Ranking.of_grades(counts, falling=ties == "optimistic")
    return Ranking.of_counts(counts)
