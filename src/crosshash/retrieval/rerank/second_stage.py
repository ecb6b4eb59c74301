"""The second stage of a search: candidates by Hamming distance, ordered anew by their quantised vectors.

Source: HQ, arXiv 2202.10232. What is stored of an item are word numbers; a score is M numbers looked up.
Shapes: Q queries, q those of a block, R candidates, N items, M dictionaries of W words each, T = M W words,
d numbers of a vector.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELLS = 1 << 16  # numbers looked up at once: they stay in the cache


def quantised_scores(
    vectors_Qd: NDArray[np.float32],
    candidates_QR: NDArray[np.int64],
    words_NM: NDArray[np.integer],
    codebook_MWd: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Give f . (b_j Cb) of each query and each of its candidates: float32[Q, R].

    candidates: rows of words. Items of equal words get equal scores, to the last bit.
    """
    dictionaries, size, dim = codebook_MWd.shape
    tables_QT = vectors_Qd @ codebook_MWd.reshape(-1, dim).T
    scores_QR = np.empty(candidates_QR.shape, np.float32)
    step = max(1, CELLS // max(1, dictionaries * candidates_QR.shape[1]))
    for start in range(0, len(scores_QR), step):
        block = slice(start, start + step)
        # One look-up for all of a block: the place of each candidate's word m is in row q, column m W + word.
        places_qRM = words_NM[candidates_QR[block]] + np.arange(0, dictionaries * size, size)
        places_qRM += np.arange(len(places_qRM))[:, None, None] * tables_QT.shape[1]
        found_qRM = np.take(tables_QT[block], places_qRM, mode="clip")  # all within; a check takes a copy
        scores_QR[block] = found_qRM[:, :, 0]
        for m in range(1, dictionaries):
            scores_QR[block] += found_qRM[:, :, m]
    return scores_QR


def rerank(
    vectors_Qd: NDArray[np.float32],
    candidates_QR: NDArray[np.int64],
    words_NM: NDArray[np.integer],
    codebook_MWd: NDArray[np.float32],
    distances_QR: NDArray[np.integer],
) -> NDArray[np.int64]:
    """Give the order of the candidates, best first, as places among them: int64[Q, R].

    By falling score, then by Hamming distance, then by row. With one dictionary there is one score per word,
    so that ties are the rule.
    """
    scores_QR = quantised_scores(vectors_Qd, candidates_QR, words_NM, codebook_MWd)
    return np.lexsort((candidates_QR, distances_QR, -scores_QR), axis=-1)
