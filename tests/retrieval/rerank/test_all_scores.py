from __future__ import annotations

import numpy as np
import pytest

from crosshash.retrieval.rerank.all_scores import CHUNK, ROWS, real_scores, repeated, scores_of_all
from crosshash.retrieval.rerank.second_stage import CELLS, quantised_scores


@pytest.mark.parametrize("dictionaries", [1, 3, 4, 5, 8])
def test_all_items_score_as_candidates_do_to_the_last_bit(dictionaries: int) -> None:
    """More items than two chunks hold, and so many that candidates' queries are not looked up all at once;
    dictionaries that fill a round of look-ups and those that do not.
    """
    generator, items, queries = np.random.default_rng(0), 2 * CHUNK + 9, 9
    assert CELLS // (dictionaries * items) < queries
    vectors = generator.normal(size=(queries, 4)).astype(np.float32)
    words = generator.integers(0, 7, (items, dictionaries)).astype(np.uint8)
    codebook = generator.normal(size=(dictionaries, 7, 4)).astype(np.float32)
    found = scores_of_all(vectors, words, codebook)
    candidates = np.tile(np.arange(items), (queries, 1))
    scores = quantised_scores(vectors, candidates, words, codebook)
    assert found.dtype == scores.dtype == np.float32
    assert np.array_equal(found, scores)
    decoded = sum(codebook[m, words[:, m]].astype(float) for m in range(dictionaries))
    assert np.allclose(found, vectors.astype(float) @ decoded.T, atol=1e-5)


@pytest.mark.parametrize("items", [1, ROWS, ROWS + 3])
def test_real_scores_are_inner_products(items: int) -> None:
    generator = np.random.default_rng(0)
    vectors, real = (generator.normal(size=(rows, 5)).astype(np.float32) for rows in (3, items))
    found = real_scores(vectors, real, repeated(real))
    assert (found.shape, found.dtype) == ((3, items), np.float32)
    assert np.allclose(found, vectors.astype(float) @ real.astype(float).T, atol=1e-5)


def test_repeated_items_by_hand() -> None:
    """Rows 2 and 5 are row 0, row 4 is row 1: -0.0 is 0.0; row 3 is alone."""
    items = np.array([[1, 0], [0, 2], [1, -0.0], [2, 0], [-0.0, 2], [1, 0]], np.float32)
    assert repeated(items).tolist() == [[2, 4, 5], [0, 1, 0]]
    assert repeated(items[:, ::-1]).tolist() == [[2, 4, 5], [0, 1, 0]]
    assert repeated(items[:2]).shape == (2, 0)


@pytest.mark.parametrize("items", [1, 13, 1000, ROWS + 13])
@pytest.mark.parametrize("queries", [1, 3, 16])
def test_equal_real_vectors_tie_wherever_they_stand(items: int, queries: int) -> None:
    generator = np.random.default_rng(0)
    for dim in (3, 16, 64, 128):
        vectors, two = (generator.normal(size=(rows, dim)).astype(np.float32) for rows in (queries, 2))
        which = generator.integers(2, size=items)
        found = real_scores(vectors, two[which], repeated(two[which]))
        for one in set(which.tolist()):
            assert (np.ptp(found[:, which == one], axis=1) == 0).all()
