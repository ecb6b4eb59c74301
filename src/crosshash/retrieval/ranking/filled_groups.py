"""Loops over sorted items that fill the groups of a ranking: how many items, relevant ones, which precisions.

Groups up to rank HEAD are kept one by one, all behind them are one more: float64[3, M + 1] of items, of
relevant ones, and of the expected sum of the precisions before each group and, last, of all.
Shapes: N items, R candidates, M groups of items, D distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.compiled import compiled
from crosshash.retrieval.ranking.radix_sort import MARK, SCORE, Items, order_tied
from crosshash.retrieval.ranking.tie_groups import precisions_of_group
from crosshash.retrieval.ranking.tied_ranking import Ties

HEAD = 50
"""Ranks up to which groups are kept one by one."""
RULE_BY_ID = 1
RULES: dict[Ties, int] = {"expected": 0, "by_id": RULE_BY_ID, "optimistic": 2, "pessimistic": 3}
Values = NDArray[np.float64]


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
def rank_keys(
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
    while found < len(found_R):  # of groups without a relevant item nothing has to be known any more
        while keys_N[before] != found_R[found]:
            before += 1
        n, r = _equal(keys_N, before), _equal(found_R, found)
        total += _precisions(sums_N, before, float(found), rule, n, r)
        before, found = before + n, found + r
    _keep_rest(groups_3M, len(keys_N), found, total)


@compiled
def _equal(keys_N: NDArray[np.uint32], start: int) -> int:
    stop = start + 1
    while stop < len(keys_N) and keys_N[stop] == keys_N[start]:
        stop += 1
    return stop - start


@compiled
def rank_whole(
    items_N: Items, distances: int, sums_N: Values, rule: int, by_score_3M: Values, whole_3M: Values
) -> None:
    """Fill the groups of a query by score alone, and those where equal scores are ordered by their distance.

    items: sorted by (score, row); they get that order too.
    """
    by_score, whole, before, found = 0.0, 0.0, 0, 0
    while before < len(items_N):
        stop, r = before + 1, int(items_N[before] >> MARK & np.uint64(1))
        while stop < len(items_N) and (items_N[stop] ^ items_N[before]) & SCORE == 0:
            r += int(items_N[stop] >> MARK & np.uint64(1))
            stop += 1
        if before >= HEAD and stop == before + 1:  # as most: a call would take longer than this
            precision = r * (found + r) / (before + 1.0)
            by_score, whole = by_score + precision, whole + precision
        else:
            if rule == RULE_BY_ID:
                by_score = _rank_each(items_N, before, stop, found, by_score, by_score_3M)
            else:
                by_score += _precisions(sums_N, before, float(found), rule, stop - before, r)
                if before < HEAD:
                    _keep(by_score_3M, before, rule, stop - before, r, by_score)
            order_tied(items_N, before, stop, distances)
            whole = _rank_each(items_N, before, stop, found, whole, whole_3M)
        before, found = stop, found + r
    _keep_rest(by_score_3M, before, found, by_score)
    _keep_rest(whole_3M, before, found, whole)


@compiled
def rank_candidates(
    items_R: Items, left_M2: NDArray[np.int64], sums_N: Values, rule: int, groups_3M: Values
) -> None:
    """Fill the groups of a query: sorted candidates one by one, then groups of (items, relevant items)."""
    total, before, found = _rank_each(items_R, 0, len(items_R), 0, 0.0, groups_3M), len(items_R), 0
    for item in items_R:
        found += int(item >> MARK & np.uint64(1))
    _keep_rest(groups_3M, before, found, total)
    for m in range(len(left_M2)):
        n, r = int(left_M2[m, 0]), int(left_M2[m, 1])
        total += _precisions(sums_N, before, float(found), rule, n, r)
        _keep(groups_3M, before, rule, n, r, total)
        before += n
        found += r


@compiled
def _rank_each(items_N: Items, start: int, stop: int, found: int, total: float, groups_3M: Values) -> float:
    """Rank items one by one; gives the sum of the precisions, including them."""
    for before in range(start, stop):
        r = int(items_N[before] >> MARK & np.uint64(1))
        found += r
        total += r * found / (before + 1.0)  # without a branch, that would be guessed wrong
        if before < HEAD:
            _keep_one(groups_3M, before, 1, r, total)
    return total


@compiled
def _keep_rest(groups_3M: Values, items: int, found: int, total: float) -> None:
    """Keep what is not kept yet of so many items, `found` of them relevant, as the last group."""
    kept = groups_3M[:2].sum(axis=1)
    if kept[0] < items:
        _keep_one(groups_3M, HEAD, items - int(kept[0]), found - int(kept[1]), total)


@compiled
def alone(items_N: Items) -> NDArray[np.int64]:
    """Make a group of each item: int64[N, 2]."""
    ones_N2 = np.ones((len(items_N), 2), np.int64)
    for j in range(len(items_N)):
        ones_N2[j, 1] = np.int64(items_N[j] >> MARK & np.uint64(1))
    return ones_N2
