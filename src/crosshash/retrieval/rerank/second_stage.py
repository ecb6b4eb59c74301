"""The second stage of a search: candidates by Hamming distance, ordered anew by their quantised vectors.

Source: HQ, arXiv 2202.10232. What is stored of an item are word numbers; a score is M numbers looked up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELLS = 1 << 16  # numbers looked up at once: they stay in the cache


def quantised_scores(
    query_vectors: NDArray[np.float32],
    candidates: NDArray[np.int64],
    words: NDArray[np.integer],
    codebook: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Give f . (b_j Cb) of each query and each of its candidates: float32[Q, R].

    query_vectors: float32[Q, d]; candidates: int64[Q, R], rows of words; words: int[N, M]; codebook:
    float32[M, W, d]. Items of equal words get equal scores, to the last bit.
    """
    dictionaries, size, dim = codebook.shape
    tables = query_vectors @ codebook.reshape(-1, dim).T
    scores = np.empty(candidates.shape, np.float32)
    step = max(1, CELLS // max(1, dictionaries * candidates.shape[1]))
    for start in range(0, len(scores), step):
        block = slice(start, start + step)
        # One look-up for all of a block: the place of each candidate's word m is in row q, column m W + word.
        places = words[candidates[block]] + np.arange(0, dictionaries * size, size)
        places += np.arange(len(places))[:, None, None] * tables.shape[1]
        found = np.take(tables[block], places, mode="clip")  # all are within; checking takes a copy
        scores[block] = found[:, :, 0]
        for m in range(1, dictionaries):
            scores[block] += found[:, :, m]
    return scores


def rerank(
    query_vectors: NDArray[np.float32],
    candidates: NDArray[np.int64],
    words: NDArray[np.integer],
    codebook: NDArray[np.float32],
    distances: NDArray[np.integer],
) -> NDArray[np.int64]:
    """Give the order of the candidates, best first, as places among them: int64[Q, R].

    By falling score, then by Hamming distance (distances: int[Q, R]), then by row; shapes as in
    `quantised_scores`. With one dictionary there is one score per word, so that ties are the rule.
    """
    scores = quantised_scores(query_vectors, candidates, words, codebook)
    return np.lexsort((candidates, distances, -scores), axis=-1)
