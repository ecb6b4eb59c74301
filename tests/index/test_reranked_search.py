from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.index.reranked_search import search_two_stages

N, Q, D, M, W = 40, 3, 6, 2, 3


def drawn(seed: int) -> tuple[np.ndarray, ...]:
    """Codes of 8 bits, whole numbers as vectors and words: distances and scores tie often, and exactly."""
    generator = np.random.default_rng(seed)
    return (
        generator.integers(0, 16, (N, 1), np.uint8),
        generator.integers(0, 16, (Q, 1), np.uint8),
        generator.integers(-2, 3, (Q, D)).astype(np.float32),
        generator.integers(0, W, (N, M)).astype(np.uint8),
        generator.integers(-2, 3, (M, W, D)).astype(np.float32),
    )


def by_loops(
    seed: int, q: int, candidates: int, top: int, keep: list[int]
) -> tuple[list[int], list[int], list[float]]:
    """The nearest `candidates` by (distance, row), ordered by (-score, distance, row); then the others."""
    codes, asked, vectors, words, book = drawn(seed)
    pairs = sorted((int(np.bitwise_count(codes[row] ^ asked[q]).sum()), row) for row in keep)
    pairs = pairs[: max(candidates, top)]
    scores = {
        row: float(
            sum(float(vectors[q, i]) * float(book[m, words[row, m], i]) for m in range(M) for i in range(D))
        )
        for _, row in pairs[:candidates]
    }
    first = sorted(pairs[:candidates], key=lambda pair: (-scores[pair[1]], *pair))
    found = [*first, *pairs[candidates:]][:top]
    return [row for _, row in found], [d for d, _ in found], [scores.get(row, np.nan) for _, row in found]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 50), st.integers(1, 50), st.booleans())
def test_equals_loops_over_all_items(seed: int, candidates: int, top: int, filtered: bool) -> None:
    codes, asked, vectors, words, book = drawn(seed)
    keep = np.arange(N)[seed % 3 :: 2] if filtered else None
    index = CodeIndex.build(codes, np.arange(N))
    rows, distances, scores = search_two_stages(index, asked, vectors, words, book, candidates, top, keep)
    assert (rows.dtype, distances.dtype, scores.dtype) == (np.int64, np.int32, np.float32)
    for q in range(Q):
        expected = by_loops(seed, q, candidates, top, list(range(N)) if keep is None else keep.tolist())
        assert rows[q].tolist() == expected[0]
        assert distances[q].tolist() == expected[1]
        assert np.array_equal(scores[q], np.array(expected[2], np.float32), equal_nan=True)


def test_rows_name_the_words_also_where_items_are_missing() -> None:
    """Text indexes lack items without text; words have a row for each item all the same."""
    codes, asked, vectors, words, book = drawn(3)
    rows = np.arange(1, N, 2)
    whole = search_two_stages(
        CodeIndex.build(codes, np.arange(N)), asked, vectors, words, book, 10, 5, keep=rows
    )
    part = search_two_stages(CodeIndex.build(codes[rows], rows), asked, vectors, words, book, 10, 5)
    for a, b in zip(whole, part, strict=True):
        assert np.array_equal(a, b)


def test_words_may_stay_on_the_disk(tmp_path: Path) -> None:
    codes, asked, vectors, words, book = drawn(4)
    np.save(tmp_path / "words.npy", words)
    mapped = np.load(tmp_path / "words.npy", mmap_mode="r")
    index = CodeIndex.build(codes, np.arange(N))
    for a, b in zip(
        search_two_stages(index, asked, vectors, mapped, book, 10, 5),
        search_two_stages(index, asked, vectors, words, book, 10, 5),
        strict=True,
    ):
        assert np.array_equal(a, b)


def test_no_candidates_are_refused() -> None:
    codes, asked, vectors, words, book = drawn(0)
    with pytest.raises(CrosshashError, match="0 candidates"):
        search_two_stages(CodeIndex.build(codes, np.arange(N)), asked, vectors, words, book, 0, 5)
