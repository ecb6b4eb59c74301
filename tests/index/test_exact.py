from __future__ import annotations

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.index.exact import nearest, one_thread, scan


@pytest.mark.parametrize("top", [1, 7, 1_000, 66_000])
def test_faiss_keeps_the_first_of_equal_distances(top: int) -> None:
    """What exact search relies on. More codes than FAISS takes at once, three distances: ties throughout."""
    generator = np.random.default_rng(top)
    codes = np.array([0, 1, 3], np.uint8)[generator.integers(3, size=(140_000, 1))]
    queries = np.zeros((3, 1), np.uint8)
    places, distances = scan(queries, codes, top)
    differing = np.bitwise_count(codes[:, 0])
    expected = np.argsort(differing, kind="stable")[:top]
    assert (places == expected).all()
    assert (distances == differing[expected]).all()


def test_faiss_keeps_the_first_of_equal_distances_when_it_may_use_threads() -> None:
    codes = np.random.default_rng(0).integers(0, 2, (140_000, 1), np.uint8)
    faiss.omp_set_num_threads(4)
    try:
        places, _ = scan(np.zeros((1, 1), np.uint8), codes, 500)
        assert faiss.omp_get_max_threads() == 4
    finally:
        faiss.omp_set_num_threads(1)
    assert places[0].tolist() == np.flatnonzero(codes[:, 0] == 0)[:500].tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(0, 40), st.integers(1, 50), st.integers(0, 70))
def test_equals_sorting_all_pairs(seed: int, width: int, items: int, top: int, asked: int) -> None:
    """Also without items or queries, and with more queries than one block has."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, 3, (items, width), np.uint8)
    rows = np.sort(generator.permutation(1_000)[:items])
    queries = generator.integers(0, 3, (asked, width), np.uint8)
    found, distances = nearest(queries, codes, rows, top)
    assert found.shape == distances.shape == (asked, min(top, items))
    assert (found.dtype, distances.dtype) == (np.int64, np.int32)
    for q, query in enumerate(queries):
        pairs = sorted(
            (int(np.unpackbits(query ^ code).sum()), int(row)) for code, row in zip(codes, rows, strict=True)
        )
        assert [*zip(distances[q].tolist(), found[q].tolist(), strict=True)] == pairs[:top]


def test_the_number_of_threads_comes_back_after_an_error() -> None:
    faiss.omp_set_num_threads(3)
    try:
        with one_thread():
            assert faiss.omp_get_max_threads() == 1
        with pytest.raises(ZeroDivisionError), one_thread():
            raise ZeroDivisionError
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(1)
