from __future__ import annotations

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.index.code_index import CodeIndex
from crosshash.index.flat import LONGEST, Flat
from tests.index.codes import clustered


def drawn(seed: int, items: int, bits: int, distinct: int) -> np.ndarray:
    """Packed codes uint8[N, ceil(bits / 8)], pad bits 0, with no more than so many different ones."""
    generator = np.random.default_rng(seed)
    different = np.packbits(generator.integers(0, 2, (distinct, bits), np.uint8), axis=1)
    return different[generator.integers(distinct, size=items)]


def by_loops(queries: np.ndarray, codes: np.ndarray, rows: np.ndarray, top: int) -> list[list[tuple]]:
    """Distance and row of the first items of each query, all pairs sorted."""
    whole = [(int.from_bytes(code.tobytes()), int(row)) for code, row in zip(codes, rows, strict=True)]
    asked = [int.from_bytes(query.tobytes()) for query in queries]
    return [sorted(((query ^ code).bit_count(), row) for code, row in whole)[:top] for query in asked]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(8, 1_024), st.integers(1, 90), st.integers(1, 20),
    st.integers(1, 100), st.integers(0, 70),
)  # fmt: skip
def test_equals_sorting_all_pairs(
    seed: int, bits: int, items: int, distinct: int, top: int, asked: int
) -> None:
    """Any length, equal codes, more wanted than there are, more queries than a pass or a block takes.

    The queries are codes and their complements: all distances from 0 to `bits`.
    """
    codes = drawn(seed, items, bits, distinct)
    rows = np.random.default_rng(seed).permutation(1_000)[:items]
    queries = np.resize(codes, (asked, codes.shape[1]))
    queries[1::2] ^= np.packbits(np.ones(bits, np.uint8))
    found, distances = CodeIndex.build(codes, rows).search(queries, top)
    assert (found.dtype, distances.dtype) == (np.int64, np.int32)
    pairs = [[*zip(*one, strict=True)] for one in zip(distances.tolist(), found.tolist(), strict=True)]
    assert pairs == by_loops(queries, codes, rows, top)


@pytest.mark.parametrize("bits", [16, 64, 100, 1_024, 1_032, 2_048])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_many_codes_with_ties_whatever_the_threads(
    bits: int, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond 1,024 bits too, where bits are counted."""
    monkeypatch.setenv("CROSSHASH_THREADS", threads)
    codes = np.concatenate([drawn(0, 15_000, bits, 700), drawn(1, 5_000, bits, 4_000)])
    queries = np.concatenate([codes[:60], drawn(2, 40, bits, 40), ~codes[:30]])
    queries[100:] &= np.packbits(np.ones(bits, np.uint8))
    index = CodeIndex.build(codes, np.arange(20_000) * 3)
    assert (index.flat.blocks is None) == (codes.shape[1] > LONGEST)
    found, distances = index.search(queries, 1_000)
    for query, rows, near in zip(queries, found, distances, strict=True):
        differing = np.bitwise_count(codes ^ query).sum(axis=1, dtype=np.int64)
        order = np.argsort(differing, kind="stable")[:1_000]
        assert np.array_equal(rows, order * 3)
        assert np.array_equal(near, differing[order])


def test_a_query_is_answered_the_same_alone_and_among_others() -> None:
    codes, queries = clustered(0, 3_000), clustered(1, 70)
    index = CodeIndex.build(codes, np.arange(3_000))
    reals = np.random.default_rng(0).standard_normal((70, 64)).astype(np.float32)
    for asked, search in ((queries, index.search), (reals, index.search_real)):
        whole = search(asked, 100)
        for size in (1, 3, 8, 17):
            parts = [search(asked[start : start + size], 100) for start in range(0, 70, size)]
            for all_at_once, in_parts in zip(whole, zip(*parts, strict=True), strict=True):
                assert np.array_equal(all_at_once, np.concatenate(in_parts))


def test_threads_of_faiss_change_nothing() -> None:
    codes, queries = clustered(0, 3_000), clustered(1, 70)
    flat = Flat.over(codes)
    plain = flat.nearest(queries, 500)
    faiss.omp_set_num_threads(4)
    try:
        again = flat.nearest(queries, 500)
    finally:
        faiss.omp_set_num_threads(1)
    assert np.array_equal(plain[0], again[0])
    assert np.array_equal(plain[1], again[1])


@pytest.mark.parametrize("width", [1, 2, 8, 128])
def test_a_code_takes_a_byte_more_than_its_bits(width: int) -> None:
    """A block has 32 codes; the last one may be padded."""
    flat = Flat.over(np.zeros((3_200, width), np.uint8))
    assert flat.blocks.codes.size() == 3_200 * (width + 1)
