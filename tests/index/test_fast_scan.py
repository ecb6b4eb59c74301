from __future__ import annotations

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.index.asymmetric import best
from crosshash.index.code_index import CodeIndex
from crosshash.index.distinct import MIXED, Distinct, flat_or_distinct
from crosshash.index.fast_scan import LONGEST, FastScan
from crosshash.index.flat import Flat
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
    st.integers(0, 10_000), st.integers(8, 1_024), st.integers(1, 90), st.integers(1, 200),
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


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(1, 90), st.integers(1, 100))
def test_equal_codes_met_once_are_found_as_if_met_each(seed: int, bits: int, items: int, top: int) -> None:
    """The same answers as of the scan over all; signs and few values as real queries, which tie often."""
    codes, top = drawn(seed, items, bits, 12), min(top, items)
    queries = drawn(seed + 1, 5, bits, 12)
    every, once = FastScan(codes), flat_or_distinct(codes)
    assert isinstance(once, Distinct) == (len(np.unique(codes, axis=0)) <= 0.75 * items)
    reals = np.random.default_rng(seed).choice([-2, -1, 1], (5, 8 * codes.shape[1])).astype(np.float32)
    for a, b in zip(
        (*every.nearest(queries, top), *best(reals, codes, np.arange(items), top)),
        (*once.nearest(queries, top), *once.best(reals, top)),
        strict=True,
    ):
        assert np.array_equal(a, b)


def test_three_quarters_of_different_codes_are_few_enough() -> None:
    codes = np.arange(8, dtype=np.uint8)[:, None]
    assert isinstance(flat_or_distinct(codes // 4 * 4 + np.minimum(codes % 4, 2)), Distinct)  # 6 of 8
    assert isinstance(flat_or_distinct(np.minimum(codes, 6)), Flat)  # 7 of 8
    assert isinstance(flat_or_distinct(codes[:0]), Flat | Distinct)


def test_long_codes_of_one_key_are_told_apart() -> None:
    """Codes of two words (u, v) and (u + 1, v - MIXED) have one key, u MIXED + v, and lie mixed."""
    u, v = np.array([5], np.uint64), np.array([2**63], np.uint64)
    two = np.stack([np.concatenate([u, v]), np.concatenate([u + np.uint64(1), v - MIXED])])
    codes = two.view(np.uint8).reshape(2, 16)[np.resize([0, 1, 1], 30)]
    index = CodeIndex.build(codes, np.arange(30))
    rows, distances = index.search(codes[1:2], 25)
    differing = np.bitwise_count(codes ^ codes[1]).sum(axis=1, dtype=np.int64)
    order = np.argsort(differing, kind="stable")[:25]
    assert rows[0].tolist() == order.tolist()
    assert distances[0].tolist() == differing[order].tolist()


@pytest.mark.parametrize(
    ("bits", "items"), [(16, 30_000), (64, 20_000), (100, 20_000), (1_024, 3_000), (1_032, 3_000)]
)
@pytest.mark.parametrize("different", [True, False])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_many_codes_with_ties_whatever_the_threads(
    bits: int, items: int, different: bool, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With codes nearly all different, and with groups of equal ones; beyond 1,024 bits, bits are counted."""
    monkeypatch.setenv("CROSSHASH_THREADS", threads)
    few = items // 40
    codes = drawn(0, items, bits, few)
    if different and bits > 16:
        codes = np.concatenate([codes[: items // 10], drawn(1, items - items // 10, bits, 10 * items)])
    queries = np.concatenate([codes[:50], drawn(2, 30, bits, 30), ~codes[:10]])
    queries[80:] &= np.packbits(np.ones(bits, np.uint8))
    index = CodeIndex.build(codes, np.arange(items) * 3)
    flat = index.flat.flat if isinstance(index.flat, Distinct) else index.flat
    assert (flat._way.blocks is None) == (codes.shape[1] > LONGEST)
    assert (flat is index.flat) == (different and bits > 16)
    found, distances = index.search(queries, 500)
    for query, rows, near in zip(queries, found, distances, strict=True):
        differing = np.bitwise_count(codes ^ query).sum(axis=1, dtype=np.int64)
        order = np.argsort(differing, kind="stable")[:500]
        assert np.array_equal(rows, order * 3)
        assert np.array_equal(near, differing[order])


@pytest.mark.parametrize("bits", [512, 1_024])
def test_distances_of_long_codes_are_right_also_where_one_item_is_wanted(bits: int) -> None:
    """The complement of the query is all bits away."""
    flat = FastScan(np.full((40, bits // 8), 255, np.uint8))
    for top in (1, 2, 40):
        places, distances = flat.nearest(np.zeros((1, bits // 8), np.uint8), top)
        assert places.tolist() == [[*range(top)]]
        assert distances.tolist() == [[bits] * top]


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
    flat = FastScan(codes)
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
    flat = FastScan(np.zeros((3_200, width), np.uint8))
    assert flat.blocks.codes.size() == 3_200 * (width + 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(8, 16), st.integers(1, 700), st.integers(1, 200))
def test_a_single_short_query_equals_sorting_all_pairs(seed: int, bits: int, items: int, top: int) -> None:
    """It goes through FAISS by a way of its own; most distances tie."""
    codes = drawn(seed, items, bits, 300)
    query = drawn(seed + 1, 1, bits, 1)
    places, distances = FastScan(codes).nearest(query, min(top, items))
    found = [list(zip(*one, strict=True)) for one in zip(distances.tolist(), places.tolist(), strict=True)]
    assert found == by_loops(query, codes, np.arange(items), top)


def test_of_codes_that_are_equally_far_the_first_items_are_found_however_many_are_wanted() -> None:
    """Codes 1, 2, 4 and 8 are a bit away from 0, and lie mixed: the first items in their order."""
    codes = np.array([1, 2, 4, 8], np.uint8)[np.random.default_rng(0).integers(4, size=(1_000, 1))]
    once = flat_or_distinct(codes)
    for top in range(1, 1_001):
        places, distances = once.nearest(np.zeros((1, 1), np.uint8), top)
        assert places.tolist() == [[*range(top)]]
        assert distances.tolist() == [[1] * top]
