from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.retrieval.rerank.second_stage import quantised_scores, rerank

Q, R, N, D = 4, 12, 30, 6


def drawn(seed: int, dictionaries: int = 2, words: int = 3) -> tuple[np.ndarray, ...]:
    """Queries, candidates, words, codebook, distances; few words and small numbers, so that many tie."""
    generator = np.random.default_rng(seed)
    return (
        generator.integers(-2, 3, (Q, D)).astype(np.float32),
        np.stack([generator.permutation(N)[:R] for _ in range(Q)]),
        generator.integers(0, words, (N, dictionaries)).astype(np.uint8),
        generator.integers(-2, 3, (dictionaries, words, D)).astype(np.float32),
        generator.integers(0, 4, (Q, R)).astype(np.uint16),
    )


def loop_score(query: np.ndarray, words: np.ndarray, codebook: np.ndarray) -> float:
    return sum(
        float(query[column]) * sum(float(codebook[m, w, column]) for m, w in enumerate(words))
        for column in range(len(query))
    )


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 3]))
def test_order_is_that_of_a_loop_over_all_candidates(seed: int, dictionaries: int) -> None:
    """By falling score, then distance, then row; whole numbers, so that equal scores are equal exactly."""
    queries, candidates, words, codebook, distances = drawn(seed, dictionaries)
    found = rerank(queries, candidates, words, codebook, distances)
    for q in range(Q):
        keys = [
            (-loop_score(queries[q], words[row], codebook), int(distances[q, place]), int(row))
            for place, row in enumerate(candidates[q])
        ]
        assert found[q].tolist() == sorted(range(R), key=lambda place: keys[place])


def test_scores_against_a_loop() -> None:
    generator = np.random.default_rng(0)
    _, candidates, words, _, _ = drawn(0)
    queries = generator.normal(0, 1, (Q, D)).astype(np.float32)
    codebook = generator.normal(0, 1, (2, 3, D)).astype(np.float32)
    expected = [[loop_score(queries[q], words[row], codebook) for row in candidates[q]] for q in range(Q)]
    assert np.allclose(quantised_scores(queries, candidates, words, codebook), expected, atol=1e-5)


def test_one_dictionary_gives_one_score_per_word() -> None:
    """To the last bit, whatever the numbers: ties must fall back to distance and row."""
    generator = np.random.default_rng(0)
    queries = generator.normal(0, 1, (Q, D)).astype(np.float32)
    codebook = generator.normal(0, 1, (1, 3, D)).astype(np.float32)
    words = generator.integers(0, 3, (N, 1)).astype(np.uint8)
    candidates = np.tile(np.arange(N), (Q, 1))
    scores = quantised_scores(queries, candidates, words, codebook)
    for q in range(Q):
        for word in range(3):
            assert len(set(scores[q, words[:, 0] == word].tolist())) == 1
    order = rerank(queries, candidates, words, codebook, np.zeros((Q, N), np.uint16))
    for q in range(Q):
        ranked = words[order[q], 0]
        for word in range(3):
            assert (np.diff(order[q][ranked == word]) > 0).all()


def test_by_hand() -> None:
    """Query (1, 2). Words of the first dictionary (1, 0), (0, 1), of the second (0, 0), (1, -1).

    Scores: (0, 0): 1, (0, 1): 1 - 1 = 0, (1, 0): 2, (1, 1): 2 - 1 = 1. Rows 7, 3, 5, 2 have the words (0, 0),
    (1, 1), (0, 1), (1, 0) and distances 2, 2, 1, 3: row 2 leads; 7 and 3 tie in both, the smaller row is
    first; row 5 is last.
    """
    words = np.zeros((8, 2), np.uint8)
    words[[7, 3, 5, 2]] = [[0, 0], [1, 1], [0, 1], [1, 0]]
    codebook = np.array([[[1, 0], [0, 1]], [[0, 0], [1, -1]]], np.float32)
    query, candidates = np.array([[1, 2]], np.float32), np.array([[7, 3, 5, 2]])
    assert quantised_scores(query, candidates, words, codebook).tolist() == [[1, 1, 0, 2]]
    assert rerank(query, candidates, words, codebook, np.array([[2, 2, 1, 3]])).tolist() == [[3, 1, 0, 2]]
    assert rerank(query, candidates, words, codebook, np.array([[1, 2, 1, 3]])).tolist() == [[3, 0, 1, 2]]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_no_candidates_have_an_empty_order(kind: type[np.unsignedinteger]) -> None:
    queries, candidates, words, codebook, distances = drawn(0)
    found = rerank(queries, candidates[:, :0], words.astype(kind), codebook, distances[:, :0])
    assert found.shape == (Q, 0)
