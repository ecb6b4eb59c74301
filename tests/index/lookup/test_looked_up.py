"""The compiled look-up against sorting all pairs: rows, ties, distances and scores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.codes.byte_tables import byte_tables
from crosshash.index import flat
from crosshash.index.asymmetric import best
from crosshash.index.fast_scan import FastScan
from crosshash.index.lookup import looked_up, short_sums
from crosshash.index.lookup.looked_up import LONGEST, LookedUp
from crosshash.index.lookup.scan import EVERY, LANES, LARGE_PAGE, in_blocks, sampled_rank
from tests.index.codes import clustered
from tests.index.test_fast_scan import by_loops, drawn

pytestmark = pytest.mark.skipif("+avx2" not in short_sums.FEATURES, reason="wants a processor with AVX2")


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, 8 * LONGEST), st.integers(1, 200), st.integers(1, 200),
    st.integers(1, 100), st.integers(0, 9),
)  # fmt: skip
def test_equals_sorting_all_pairs(
    seed: int, bits: int, items: int, distinct: int, top: int, asked: int
) -> None:
    """Any length and number of queries, equal codes, all distances from 0 to `bits`."""
    codes, top = drawn(seed, items, bits, distinct), min(top, items)
    queries = np.resize(codes, (asked, codes.shape[1]))
    queries[1::2] ^= np.packbits(np.ones(bits, np.uint8))
    places, distances = LookedUp(codes).nearest(queries, top)
    assert (places.dtype, distances.dtype) == (np.int64, np.int32)
    pairs = [[*zip(*one, strict=True)] for one in zip(distances.tolist(), places.tolist(), strict=True)]
    assert pairs == by_loops(queries, codes, np.arange(items), top)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, LONGEST), st.integers(1, 200), st.integers(1, 100),
    st.integers(1, 9), st.sampled_from(["normal", "few", "wide", "one"]),
)  # fmt: skip
def test_real_queries_find_what_scoring_all_codes_finds(
    seed: int, width: int, items: int, top: int, asked: int, kind: str
) -> None:
    """Bit for bit: values that tie, of four orders of magnitude, and all zeros but one."""
    generator = np.random.default_rng(seed)
    codes, top = drawn(seed, items, 8 * width, 50), min(top, items)
    values = generator.standard_normal((asked, 8 * width))
    if kind == "few":
        values = generator.choice([-2.0, -1.0, 0.0, 1.0], values.shape)
        values[:, 0] = 1
    elif kind == "wide":
        values *= 10.0 ** generator.integers(-2, 3, values.shape)
    elif kind == "one":
        values[:, 1:] = 0
    queries = values.astype(np.float32)
    places, scores = LookedUp(codes).best(queries, top)
    wanted = best(queries, codes, np.arange(items), top)
    assert np.array_equal(places, wanted[0])
    assert np.array_equal(scores, wanted[1])


@given(st.integers(0, 10_000), st.integers(0, 5), st.integers(1, 5), st.integers(0, 40))
def test_compiled_tables_are_those_of_numpy_to_the_last_bit(
    seed: int, asked: int, width: int, spread: int
) -> None:
    """Also where sums round, as values are up to 2^80 apart."""
    generator = np.random.default_rng(seed)
    shape = asked, 8 * width
    queries = np.ldexp(generator.standard_normal(shape), generator.integers(-spread, spread + 1, shape))
    queries = queries.astype(np.float32)
    assert np.array_equal(looked_up.compiled_tables(queries), byte_tables(queries))


@pytest.mark.parametrize("top", [1, 20, 300, 20_000])
@pytest.mark.parametrize("bits", [16, 64, 128])
def test_of_many_codes_a_sample_says_what_is_likely(bits: int, top: int) -> None:
    """So many codes that one block in 16 is looked at first; 40 queries, ties at every distance."""
    codes, queries = clustered(0, 60_000, bits=bits), clustered(1, 40, bits=bits)
    places, distances = LookedUp(codes).nearest(queries, top)
    reals = np.random.default_rng(0).standard_normal((40, bits)).astype(np.float32)
    of_reals = LookedUp(codes).best(reals, top)
    wanted = best(reals, codes, np.arange(len(codes)), top)
    assert np.array_equal(of_reals[0], wanted[0])
    assert np.array_equal(of_reals[1], wanted[1])
    for query, rows, near in zip(queries, places, distances, strict=True):
        differing = np.bitwise_count(codes ^ query).sum(axis=1, dtype=np.int64)
        order = np.argsort(differing, kind="stable")[:top]
        assert np.array_equal(rows, order)
        assert np.array_equal(near, differing[order])


def test_a_sample_that_promises_too_much_is_made_good() -> None:
    """The only near codes stand in a block of the sample, whose 2nd tells of 2 near ones for 20 wanted.

    20 // 64 = 0 and 3 isqrt(0) + 2 = 2: the floor lies one distance behind the 2nd of the sample. 25 codes
    are 0 to 24 bits away, all others 64: above the floor are 2 items, and the query is asked again without
    one. The second query is answered at once.
    """
    assert LANES * EVERY * 2 < 40_000
    codes = np.full((40_000, 8), 255, np.uint8)
    far = np.unpackbits(codes[:25], axis=1)
    far[:] = np.arange(64) < np.arange(25)[:, None]
    codes[LANES * EVERY : LANES * EVERY + 25] = np.packbits(far, axis=1)
    queries = np.stack([np.zeros(8, np.uint8), np.full(8, 255, np.uint8)])
    places, distances = LookedUp(codes).nearest(queries, 20)
    assert places[0].tolist() == [*range(LANES * EVERY, LANES * EVERY + 20)]
    assert distances[0].tolist() == [*range(20)]
    assert places[1].tolist() == [*range(20)]
    assert distances[1].tolist() == [0] * 20


@pytest.mark.parametrize("items", [1, LANES, LANES + 1, LARGE_PAGE // 4, LARGE_PAGE // 4 + 1])
def test_codes_lie_side_by_side_in_blocks_that_begin_with_a_large_page(items: int) -> None:
    """Zeros stand behind the last. LARGE_PAGE // 4 codes of 4 bytes fill a page; one more needs two."""
    codes = np.random.default_rng(0).integers(1, 256, (items, 4), np.uint8)
    laid = in_blocks(codes)
    count = -(-items // LANES)
    assert laid.shape == (count, 4, LANES)
    assert np.array_equal(laid.transpose(0, 2, 1).reshape(-1, 4)[:items], codes)
    assert not laid.transpose(0, 2, 1).reshape(-1, 4)[items:].any()
    assert laid.flags.c_contiguous
    assert items <= LARGE_PAGE // 4 or laid.ctypes.data % LARGE_PAGE == 0


def test_the_rank_in_the_sample_by_hand() -> None:
    """Of 64 times 5 blocks the sample has 5, so 5 LANES codes. For 20 wanted, 20 // 64 = 0: 0 + 0 + 2 = 2;
    for 640, 10 + 3 * 3 + 2 = 21. Where it has fewer codes than the rank, 0: of 63 blocks none is sure.
    """
    blocks = np.zeros((5 * EVERY, 1, LANES), np.uint8)
    assert [sampled_rank(blocks, top) for top in (1, 20, 63, 64, 640)] == [2, 2, 2, 6, 21]
    rank = 5 * LANES
    tops = [top for top in range(64, 40_000, 64) if top // 64 + 3 * int((top // 64) ** 0.5) + 2 <= rank]
    assert sampled_rank(blocks, tops[-1]) > 0
    assert sampled_rank(blocks, tops[-1] + 64) == 0
    assert sampled_rank(blocks[: EVERY - 1], 1) == 0


def test_queries_that_may_only_be_read_are_answered_without_compiling_anew() -> None:
    codes, queries = clustered(0, 3_000), clustered(1, 20)
    index = LookedUp(codes)
    wanted = index.nearest(queries, 10)
    before = len(looked_up.nearest_of_all.signatures)  # type: ignore[attr-defined]
    queries.flags.writeable = False
    for other in (queries, np.asfortranarray(queries)):
        assert all(map(np.array_equal, index.nearest(other, 10), wanted))
    assert len(looked_up.nearest_of_all.signatures) == before  # type: ignore[attr-defined]
    reals = np.random.default_rng(0).standard_normal((20, 64)).astype(np.float32)
    wanted = index.best(reals, 10)
    before = len(looked_up.best_by_tables.signatures)  # type: ignore[attr-defined]
    assert all(map(np.array_equal, index.best(np.asfortranarray(reals), 10), wanted))
    assert len(looked_up.best_by_tables.signatures) == before  # type: ignore[attr-defined]


def test_from_some_hundred_thousand_codes_on_flat_search_looks_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer codes, longer ones and other processors take FAISS's scan, which finds the same."""
    monkeypatch.setattr(flat, "LEAST", 1_000)
    codes, queries = clustered(0, 3_000), clustered(1, 20)
    index = flat.Flat(codes)
    index.lay_out()
    assert isinstance(index._way, LookedUp)
    assert isinstance(flat.Flat(np.zeros((1_000, LONGEST), np.uint8))._way, LookedUp)
    assert isinstance(flat.Flat(codes[:999])._way, FastScan)
    assert isinstance(flat.Flat(np.zeros((2_000, LONGEST + 1), np.uint8))._way, FastScan)
    monkeypatch.setattr(looked_up, "FEATURES", ["+sse4.2"])
    other = flat.Flat(codes)
    assert isinstance(other._way, FastScan)
    for top in (100, 3_000):
        assert all(map(np.array_equal, index.nearest(queries, top), other.nearest(queries, top)))


@pytest.mark.parametrize("top", [300, 1_000, 3_000])
def test_real_queries_find_the_exact_answer_however_many_are_wanted(
    monkeypatch: pytest.MonkeyPatch, top: int
) -> None:
    """Values of ten orders of magnitude, of which tables of 8 bits for all groups alike keep the largest."""
    monkeypatch.setattr(flat, "LEAST", 1_000)
    generator = np.random.default_rng(0)
    codes = clustered(0, 3_000)
    values = generator.standard_normal((5, 64)) * 10.0 ** generator.integers(-5, 6, (5, 64))
    queries = values.astype(np.float32)
    wanted = best(queries, codes, np.arange(len(codes)), top)
    assert all(map(np.array_equal, flat.Flat(codes).best(queries, top), wanted))


SCRIPT = """
import numpy as np
from crosshash.index.asymmetric import best
from crosshash.index.fast_scan import FastScan
from crosshash.index.lookup.looked_up import LookedUp, can_look_up
from crosshash.index.lookup.scan import LANES
codes = np.random.default_rng(0).integers(0, 256, (70_000, 4), np.uint8)
reals = np.random.default_rng(1).standard_normal((5, 32)).astype(np.float32)
found, wanted = LookedUp(codes).best(reals, 20), best(reals, codes, np.arange(70_000), 20)
print(can_look_up(4), LANES, all(map(np.array_equal, found, wanted)))
"""


def test_a_processor_without_the_wider_instruction_finds_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+popcnt,+bmi",
             "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "32", "True"]


WITHOUT = """
import numpy as np
from crosshash.index import flat
flat.LEAST = 10
codes = np.random.default_rng(0).integers(0, 256, (100, 4), np.uint8)
index = flat.Flat(codes)
places, distances = index.nearest(codes[:1], 1)
print(type(index._way).__name__, places[0, 0], distances[0, 0])
"""


@pytest.mark.parametrize("told", ["not to compile", "not to be there"])
def test_where_numba_does_not_work_faiss_searches(told: str, tmp_path: Path) -> None:
    """It says so by an ImportError where numpy beside it is too new; NUMBA_DISABLE_JIT is for debuggers."""
    if told == "not to be there":
        (tmp_path / "numba.py").write_text("raise ImportError('Numba needs NumPy 2.2 or less')")
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env={**os.environ, "NUMBA_DISABLE_JIT": str(int(told == "not to compile")),
             "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["FastScan", "0", "0"]
