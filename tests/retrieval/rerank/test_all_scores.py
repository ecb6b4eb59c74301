from __future__ import annotations

import numpy as np

from crosshash.retrieval.rerank.all_scores import CHUNK, scores_of_all
from crosshash.retrieval.rerank.second_stage import CELLS, quantised_scores


def test_all_items_score_as_candidates_do_to_the_last_bit() -> None:
    """More items than two chunks hold, and so many that two queries are looked up at once."""
    generator, items, queries = np.random.default_rng(0), 2 * CHUNK + 9, 5
    assert CELLS // (3 * items) == 2
    vectors = generator.normal(size=(queries, 4)).astype(np.float32)
    words = generator.integers(0, 7, (items, 3)).astype(np.uint8)
    codebook = generator.normal(size=(3, 7, 4)).astype(np.float32)
    found = scores_of_all(vectors, words, codebook)
    candidates = np.tile(np.arange(items), (queries, 1))
    scores = quantised_scores(vectors, candidates, words, codebook)
    assert found.dtype == scores.dtype == np.float32
    assert np.array_equal(found, scores)
    decoded = sum(codebook[m, words[:, m]].astype(float) for m in range(3))
    assert np.allclose(found, vectors.astype(float) @ decoded.T, atol=1e-5)
