from __future__ import annotations

import warnings
from math import fsum

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.errors import CrosshashError
from crosshash.index.asymmetric import first
from crosshash.index.code_index import CodeIndex
from tests.index.codes import clustered, groups


def scores_by_loops(queries: np.ndarray, codes: np.ndarray) -> list[list[float]]:
    """Inner product of every query with every code, bit by bit."""
    bits = queries.shape[1]
    return [
        [
            fsum(
                float(query[bit]) * (1 if code[bit // 8] >> (7 - bit % 8) & 1 else -1) for bit in range(bits)
            )
            for code in codes
        ]
        for query in queries
    ]


def ordered(scores: list[float], rows: np.ndarray, top: int) -> list[tuple[float, int]]:
    """The first items by falling score, then row."""
    return sorted(zip(scores, rows.tolist(), strict=True), key=lambda pair: (-pair[0], pair[1]))[:top]


def asked(seed: int, count: int, bits: int) -> np.ndarray:
    """Real-valued queries near the centres of `clustered`: of their signs, 10 % differ."""
    centers = 2.0 * np.random.default_rng(99).integers(0, 2, (40, bits)) - 1
    generator = np.random.default_rng(seed)
    near = centers[generator.integers(40, size=count)]
    return (near + 0.78 * generator.standard_normal((count, bits))).astype(np.float32)


def test_a_score_by_hand() -> None:
    """Codes 10110000 and 00000000 of 4 bits, query (0.5, -2, 1, 0.25): 0.5 + 2 + 1 + 0.25 = 3.75 and
    -0.5 + 2 - 1 - 0.25 = 0.25; the pad bits count nothing.
    """
    index = CodeIndex.build(np.array([[0b00000000], [0b10110000]], np.uint8), np.array([3, 8]))
    rows, scores = index.search_real(np.array([[0.5, -2, 1, 0.25]], np.float32), 2)
    assert rows.tolist() == [[8, 3]]
    assert scores.tolist() == [[3.75, 0.25]]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, 70), st.integers(1, 40), st.integers(1, 50), st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_equals_loops_over_all_items(
    seed: int, bits: int, items: int, top: int, whole: bool, filtered: bool
) -> None:
    """Of few items all are candidates. Whole numbers tie often, and exactly; equal codes always do."""
    generator = np.random.default_rng(seed)
    codes = np.packbits(generator.integers(0, 2, (10, bits), np.uint8), axis=1)
    codes, rows = codes[generator.integers(10, size=items)], generator.permutation(100)[:items]
    queries = generator.standard_normal((3, bits)).astype(np.float32)
    if whole:
        queries = np.rint(3 * queries)
    queries[:, 0] += queries[:, 0] == 0
    keep = rows[::2] if filtered else None
    found, scores = CodeIndex.build(codes, rows).search_real(queries, top, keep)
    assert (found.dtype, scores.dtype) == (np.int64, np.float64)
    chosen = slice(None, None, 2 if filtered else 1)
    for query, expected in enumerate(scores_by_loops(queries, codes[chosen])):
        pairs = ordered(expected, rows[chosen], top)
        assert found[query].tolist() == [row for _, row in pairs]
        assert scores[query] == pytest.approx([score for score, _ in pairs], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("bits", "items"), [(16, 20_000), (64, 20_000), (256, 10_000), (1_024, 2_000)])
@pytest.mark.parametrize("top", [1, 10, 100, 1_000])
def test_candidates_hold_nearly_all_of_the_exact_answer(bits: int, items: int, top: int) -> None:
    """Exact is the filtered search with all rows, which looks at every code. Of 16 bits many are equal."""
    codes, queries = clustered(0, items, bits, flipped=0.1), asked(1, 30, bits)
    index = CodeIndex.build(codes, np.arange(items))
    found, scores = index.search_real(queries, top)
    expected, best = index.search_real(queries, top, keep=np.arange(items))
    shared = [len(np.intersect1d(a, b)) for a, b in zip(found, expected, strict=True)]
    assert sum(shared) >= 0.99 * expected.size
    assert (scores <= best).all()


def test_codes_beyond_the_scan_are_all_scored() -> None:
    codes, queries = clustered(0, 300, 1_032), asked(1, 3, 1_032)
    index = CodeIndex.build(codes, np.arange(300))
    found, scores = index.search_real(queries, 20)
    for query, expected in enumerate(scores_by_loops(queries, codes)):
        pairs = ordered(expected, np.arange(300), 20)
        assert found[query].tolist() == [row for _, row in pairs]
        assert scores[query] == pytest.approx([score for score, _ in pairs], rel=1e-12)


def test_signs_as_queries_are_hamming_search() -> None:
    """The score is bits less twice the distance then, and no table is rounded."""
    codes, queries = clustered(0, 3_000, 64), clustered(1, 40, 64)
    index = CodeIndex.build(codes, np.arange(3_000))
    rows, distances = index.search(queries, 200)
    found, scores = index.search_real(2 * np.unpackbits(queries, axis=1).astype(np.float32) - 1, 200)
    assert np.array_equal(found, rows)
    assert np.array_equal(scores, 64 - 2.0 * distances)


@pytest.mark.parametrize("factor", [1e-30, 1e-3, 1e30])
def test_the_length_of_a_query_changes_no_rank(factor: float) -> None:
    index = CodeIndex.build(clustered(0, 3_000, 64), np.arange(3_000))
    queries = asked(1, 20, 64)
    rows, _ = index.search_real(queries, 50)
    assert np.array_equal(index.search_real((queries * factor).astype(np.float32), 50)[0], rows)
    queries[::2] *= factor  # among others of another length
    assert np.array_equal(index.search_real(queries, 50)[0], rows)


def test_any_floating_type_is_taken() -> None:
    index = CodeIndex.build(clustered(0, 500, 64), np.arange(500))
    queries = asked(1, 5, 64).astype(np.float16)
    expected = index.search_real(queries.astype(np.float32), 9)
    for kind in (np.float16, np.float64):
        found = index.search_real(queries.astype(kind), 9)  # type: ignore[arg-type]
        assert np.array_equal(found[0], expected[0])
        assert np.array_equal(found[1], expected[1])


def test_queries_that_cannot_be_compared_are_refused_all_at_once() -> None:
    index = CodeIndex.build(clustered(0, 30, 16), np.arange(30))
    queries = np.ones((5, 16), np.float32)
    queries[1, 3], queries[2, 15], queries[4] = np.nan, -np.inf, 0
    with pytest.raises(
        CrosshashError, match=r"query 1 is not finite(.|\n)*query 2 .*(.|\n)*query 4 is all zeros"
    ):
        index.search_real(queries, 3)
    with pytest.raises(CrosshashError, match="query 1 is all zeros"):
        index.search_real(np.eye(1, 16, dtype=np.float32) * [[1], [0]], 3)
    with pytest.raises(CrosshashError, match="query 0 is not finite"):
        index.search_real(np.full((1, 16), 1e300), 3, keep=np.arange(3))  # type: ignore[arg-type]
    for wrong in (np.ones((2, 8)), np.ones((2, 17)), np.ones(16), np.ones((2, 16), np.int8)):
        with pytest.raises(CrosshashError, match=r"the index holds codes of 9 to 16 bits"):
            index.search_real(wrong, 3)
    with pytest.raises(CrosshashError, match="top is 0"):
        index.search_real(queries[:1], 0)
    with pytest.raises(CrosshashError, match="the index is empty"):
        CodeIndex.build(np.zeros((0, 2), np.uint8), np.arange(0)).search_real(queries[:1], 1)
    assert index.search_real(queries[:0], 3)[0].shape == (0, 3)


def test_the_first_of_one_query_by_hand() -> None:
    """Scores 2, 5, 2, 2 under rows 9, 4, 7, 8: row 4, then of the equal ones 7 and 8."""
    rows, scores = first(np.array([2.0, 5, 2, 2]), np.array([9, 4, 7, 8]), 3)
    assert (rows.tolist(), scores.tolist()) == ([4, 7, 8], [5, 2, 2])
    for count in (0, 3):
        assert first(np.zeros(count), np.arange(count), 0)[0].shape == (0,)


def test_of_large_groups_of_equal_codes_the_best_are_found() -> None:
    """120 codes have 5,000 items: candidates by item would all be of one code."""
    codes, queries = groups(0, 5_000, 32, 120), asked(1, 40, 32)
    index = CodeIndex.build(codes, np.arange(5_000))
    for top in (1, 10, 100, 1_000):
        exact = index.search_real(queries, top, keep=np.arange(5_000))
        for found, expected in zip(index.search_real(queries, top), exact, strict=True):
            assert np.array_equal(found, expected)


def test_queries_beyond_float32_are_refused_without_a_warning() -> None:
    index = CodeIndex.build(clustered(0, 30, 16), np.arange(30))
    with (
        warnings.catch_warnings(action="error"),
        pytest.raises(CrosshashError, match="query 0 is not finite"),
    ):
        index.search_real(np.full((1, 16), 1e300), 3)  # type: ignore[arg-type]
