"""Scores of the second stage for every item, not only for candidates; compiled, which a search does without.

Shapes as in `second_stage`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.ranking.compiled import compiled

CHUNK = 4096  # items whose scores are summed up at once: they stay in the cache


def scores_of_all(
    vectors_Qd: NDArray[np.float32], words_NM: NDArray[np.integer], codebook_MWd: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Give the scores of `quantised_scores` of every item, to the last bit: float32[Q, N]."""
    dictionaries, size, dim = codebook_MWd.shape
    tables_QT = vectors_Qd @ codebook_MWd.reshape(-1, dim).T
    return _looked_up(tables_QT.reshape(-1, dictionaries, size), np.ascontiguousarray(words_NM.T))


@compiled
def _looked_up(tables_QMW: NDArray[np.float32], words_MN: NDArray[np.integer]) -> NDArray[np.float32]:
    scores_QN = np.empty((len(tables_QMW), words_MN.shape[1]), np.float32)
    for q in range(len(tables_QMW)):
        for start in range(0, words_MN.shape[1], CHUNK):
            scores_n = scores_QN[q, start : start + CHUNK]
            for m in range(len(words_MN)):
                table_W, words_n = tables_QMW[q, m], words_MN[m, start : start + CHUNK]
                if m == 0:
                    for j in range(len(scores_n)):
                        scores_n[j] = table_W[words_n[j]]
                else:
                    for j in range(len(scores_n)):
                        scores_n[j] += table_W[words_n[j]]
    return scores_QN
