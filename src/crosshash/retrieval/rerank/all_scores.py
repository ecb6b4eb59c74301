"""Scores of the second stage for every item, not only for candidates; compiled, which a search does without.

Shapes as in `second_stage`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.compiled import compiled

CHUNK = 4096  # items whose scores are summed up at once: they stay in the cache
AT_ONCE = 4  # dictionaries that are looked up between reading a sum and writing it
ROWS = 8192  # real vectors that one product takes


def scores_of_all(
    vectors_Qd: NDArray[np.float32], words_NM: NDArray[np.integer], codebook_MWd: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Give the scores of `quantised_scores` of every item, to the last bit: float32[Q, N]."""
    dictionaries, size, dim = codebook_MWd.shape
    tables_QMW = (vectors_Qd @ codebook_MWd.reshape(-1, dim).T).reshape(-1, dictionaries, size)
    more = -dictionaries % AT_ONCE  # dictionaries of zeros, which add nothing
    tables_QMW = np.pad(tables_QMW, ((0, 0), (0, more), (0, 0)))
    return _looked_up(tables_QMW, np.pad(words_NM.T, ((0, more), (0, 0))))


def repeated(items_Nd: NDArray[np.float32]) -> NDArray[np.int64]:
    """Give rows of items that are equal to one before them, below each the first of those: int64[2, R]."""
    _, number_N, counts = np.unique(items_Nd[:, 0], return_inverse=True, return_counts=True)
    alike_A = np.flatnonzero(counts[number_N] > 1)  # few: whole rows take twenty times as long to sort
    plain_Ad = np.ascontiguousarray(items_Nd[alike_A]) + np.float32(0)  # -0.0 is 0.0
    whole_A = plain_Ad.view(np.dtype((np.void, plain_Ad.strides[0])))[:, 0]
    _, first, number_A = np.unique(whole_A, return_index=True, return_inverse=True)
    first_A = first[number_A]
    again = np.flatnonzero(first_A < np.arange(len(first_A)))
    return np.stack([alike_A[again], alike_A[first_A[again]]])


def real_scores(
    vectors_Qd: NDArray[np.float32], items_Nd: NDArray[np.float32], repeated_2R: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Give the inner products with every item: float32[Q, N]; `repeated`, as above, get equal ones.

    OpenBLAS arranges its second operand anew before it begins, which takes longer than the product with a few
    queries: so items come first, some at a time. What is left over when its tiles are full it sums up in
    another order than the rest (0.3.31): so equal items would differ in the last bit.
    """
    scores_QN = np.empty((len(vectors_Qd), len(items_Nd)), np.float32)
    for start in range(0, len(items_Nd), ROWS):
        scores_QN[:, start : start + ROWS] = (items_Nd[start : start + ROWS] @ vectors_Qd.T).T
    scores_QN[:, repeated_2R[0]] = scores_QN[:, repeated_2R[1]]
    return scores_QN


@compiled
def _looked_up(tables_QMW: NDArray[np.float32], words_MN: NDArray[np.integer]) -> NDArray[np.float32]:
    scores_QN = np.zeros((len(tables_QMW), words_MN.shape[1]), np.float32)
    for q in range(len(tables_QMW)):
        for start in range(0, words_MN.shape[1], CHUNK):
            scores_n = scores_QN[q, start : start + CHUNK]
            for m in range(0, len(words_MN), AT_ONCE):
                words_4n, tables_4W = (
                    words_MN[m : m + AT_ONCE, start : start + CHUNK],
                    tables_QMW[q, m : m + AT_ONCE],
                )
                for j in range(len(scores_n)):
                    score = scores_n[j] + tables_4W[0, words_4n[0, j]]
                    score += tables_4W[1, words_4n[1, j]]
                    score += tables_4W[2, words_4n[2, j]]
                    scores_n[j] = score + tables_4W[3, words_4n[3, j]]
    return scores_QN
