"""The second stage of a search: candidates by Hamming distance, ordered anew by their quantised vectors.

Source: HQ, arXiv 2202.10232. What is stored of an item are word numbers; a score is M numbers looked up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
    tables = (query_vectors @ codebook.reshape(-1, dim).T).reshape(-1, dictionaries, size)
    scores = np.zeros(candidates.shape, np.float32)
    for m in range(dictionaries):
        scores += np.take_along_axis(tables[:, m], words[candidates, m].astype(np.intp), axis=1)
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
