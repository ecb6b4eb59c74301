from __future__ import annotations

import numpy as np
import pytest

from crosshash.codes.vector_code import KINDS, Kind, VectorCode, fit_words
from crosshash.errors import CrosshashError
from crosshash.index import vectors
from crosshash.index.code_index import CodeIndex
from crosshash.index.vectors import search_vectors

DIMS = 8


def made(kind: Kind, items: int = 60) -> tuple[CodeIndex, VectorCode]:
    """Every vector stands three times, so that scores tie."""
    generator = np.random.default_rng(0)
    rows = np.repeat(generator.normal(size=(items // 3, DIMS)), 3, axis=0).astype(np.float16)
    code = VectorCode(kind, DIMS, fit_words(rows, 0) if kind == "pq" else None)
    places = generator.permutation(items).astype(np.int64)
    return CodeIndex.build(code.encode(rows)[places], 10 * np.arange(items)), code


def by_loops(
    index: CodeIndex, code: VectorCode, query: np.ndarray, top: int, keep: set[int] | None = None
) -> list[tuple[int, float]]:
    decoded = code.decode(index.packed)
    scored = [
        (int(row), sum(int(q) * float(v) for q, v in zip(query, vector, strict=True)))
        for row, vector in zip(index.rows, decoded, strict=True)
        if keep is None or int(row) in keep
    ]
    return sorted(scored, key=lambda one: (-one[1], one[0]))[:top]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("top", [1, 7, 60, 100])
def test_items_are_those_of_the_loops_by_score_then_row(
    kind: Kind, top: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "DECODED", 7)
    monkeypatch.setattr(vectors, "QUERIES", 2)
    index, code = made(kind)
    queries = np.random.default_rng(1).integers(-63, 64, (5, DIMS)).astype(np.int8)
    for keep in (None, np.array([30, 0, 590, 100, 5])):
        rows, scores = search_vectors(index, code, queries, top, keep)
        assert (rows.dtype, scores.dtype) == (np.int64, np.float64)
        for query, found in enumerate(zip(rows, scores, strict=True)):
            kept = None if keep is None else set(keep.tolist())
            expected = by_loops(index, code, queries[query], top, kept)
            assert list(zip(*(one.tolist() for one in found), strict=True)) == expected


def test_what_does_not_fit_is_refused() -> None:
    index, code = made("none")
    query = np.ones((1, DIMS), np.int8)
    with pytest.raises(CrosshashError, match=r"index holds codes of 16 bytes.*rabitq have 3 bytes and 8 dim"):
        search_vectors(index, VectorCode("rabitq", DIMS), query, 5)
    with pytest.raises(CrosshashError, match=r"queries are \[1, 7\]"):
        search_vectors(index, code, query[:, 1:], 5)
    with pytest.raises(CrosshashError, match="query 1 is all zeros"):
        search_vectors(index, code, np.concatenate([query, 0 * query]), 5)
    with pytest.raises(CrosshashError, match="top is 0"):
        search_vectors(index, code, query, 0)
