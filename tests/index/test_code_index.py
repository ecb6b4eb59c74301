from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from crosshash.checksums import seal
from crosshash.errors import CrosshashError
from crosshash.index import code_index
from crosshash.index.code_index import CodeIndex
from crosshash.index.index_file import LAST_LINE
from crosshash.index.structures import Kind, build_structure
from tests.index.codes import by_loops, clustered
from tests.retrieval.cases import random_codes

KINDS = ("flat", "ivf", "hnsw", "multihash")
ENOUGH: dict[Kind, int] = {"ivf": 16, "hnsw": 256, "multihash": 2}
ITEMS = 2_400
CODES, QUERIES = clustered(0, ITEMS), clustered(1, 60)
ROWS = np.random.default_rng(2).permutation(10_000)[:ITEMS]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401
    return request.param


def built(kind: Any, items: int = ITEMS) -> CodeIndex:  # noqa: ANN401
    """An index that finds nearly all, though so few items need none of its kind."""
    index = CodeIndex.build(CODES[:items], ROWS[:items])
    if kind != "flat":
        index.structure = build_structure(kind, index.packed, index.rows, seed=0)
        index.structure.tune(ENOUGH[index.structure.kind])
    assert index.kind == kind
    return index


@pytest.mark.parametrize("bits", [4, 12, 64, 100])
def test_equals_a_full_sort_with_ties_everywhere(bits: int) -> None:
    """Few distinct codes and shuffled rows: most places are contested."""
    generator = np.random.default_rng(bits)
    codes = random_codes(generator, 6, bits)[generator.integers(6, size=80)]
    rows = generator.permutation(200)[:80]
    query = random_codes(generator, 5, bits)
    index = CodeIndex.build(codes, rows)
    for top in (1, 7, 79, 80):
        found, distances = index.search(query, top)
        expected, expected_distances = by_loops(query, codes, rows, top)
        assert found.tolist() == expected
        assert distances.tolist() == expected_distances


def test_flipping_the_same_bits_everywhere_changes_nothing() -> None:
    """Distances do not change under a mask, so neither may the answers, ties included."""
    generator = np.random.default_rng(0)
    codes = random_codes(generator, 8, 16)[generator.integers(8, size=300)]
    query, rows = random_codes(generator, 4, 16), np.arange(300)
    plain = CodeIndex.build(codes, rows).search(query, 20)
    for mask in random_codes(generator, 5, 16):
        masked = CodeIndex.build(codes ^ mask, rows).search(query ^ mask, 20)
        assert np.array_equal(plain[0], masked[0])
        assert np.array_equal(plain[1], masked[1])


def test_order_of_insertion_changes_nothing() -> None:
    generator = np.random.default_rng(1)
    codes, rows = random_codes(generator, 60, 4), np.arange(60)
    order = generator.permutation(60)
    plain = CodeIndex.build(codes, rows).search(codes[:3], 10)
    other = CodeIndex.build(codes[order], rows[order]).search(codes[:3], 10)
    assert np.array_equal(plain[0], other[0])


def test_more_than_there_are_gives_all() -> None:
    index = CodeIndex.build(np.array([[1], [0]], np.uint8), np.array([4, 9]))
    rows, distances = index.search(np.array([[0]], np.uint8), 1000)
    assert rows.tolist() == [[9, 4]]
    assert distances.tolist() == [[0, 1]]


def test_a_saved_index_is_the_same(tmp_path: Path) -> None:
    codes = random_codes(np.random.default_rng(2), 30, 24)
    path = tmp_path / "new" / "image.faiss"
    index = CodeIndex.build(codes, np.arange(30))
    index.save(path)
    loaded = CodeIndex.load(path)
    assert len(loaded) == 30
    assert np.array_equal(loaded.search(codes, 5)[0], index.search(codes, 5)[0])
    first = path.read_bytes()
    CodeIndex.build(codes, np.arange(30)).save(path)
    assert path.read_bytes() == first


def test_no_query_gives_no_row() -> None:
    index = CodeIndex.build(np.zeros((3, 1), np.uint8), np.arange(3))
    rows, distances = index.search(np.zeros((0, 1), np.uint8), 2)
    assert rows.shape == distances.shape == (0, 2)


def test_a_wrong_search_is_refused() -> None:
    index = CodeIndex.build(np.zeros((3, 2), np.uint8), np.arange(3))
    with pytest.raises(CrosshashError, match=r"uint8\[1, 4\], the index holds codes of 2 bytes"):
        index.search(np.zeros((1, 4), np.uint8), 1)
    with pytest.raises(CrosshashError, match="float64"):
        index.search(np.zeros((1, 2)), 1)  # type: ignore[arg-type]
    with pytest.raises(CrosshashError, match="top is 0"):
        index.search(np.zeros((1, 2), np.uint8), 0)


def test_an_empty_index_says_so(tmp_path: Path) -> None:
    CodeIndex.build(np.zeros((0, 2), np.uint8), np.arange(0)).save(tmp_path / "text.faiss")
    with pytest.raises(CrosshashError, match="empty"):
        CodeIndex.load(tmp_path / "text.faiss").search(np.zeros((1, 2), np.uint8), 1)
    for mapped in (False, True):
        packed = CodeIndex.load(tmp_path / "text.faiss", mapped).packed
        assert (packed.dtype, packed.shape) == (np.uint8, (0, 2))


def test_what_any_kind_finds_is_ordered_and_its_distances_are_right(kind: str) -> None:
    rows, distances = built(kind).search(QUERIES, 50)
    expected, expected_distances = by_loops(QUERIES, CODES, ROWS, 50)
    place = {row: j for j, row in enumerate(ROWS.tolist())}
    for q, query in enumerate(QUERIES):
        found = list(zip(distances[q].tolist(), rows[q].tolist(), strict=True))
        assert found == sorted(found)
        assert len(set(rows[q])) == 50
        codes = CODES[[place[row] for row in rows[q].tolist()]]
        assert distances[q].tolist() == np.unpackbits(codes ^ query, axis=1).sum(axis=1).tolist()
    if kind == "flat":
        assert rows.tolist() == expected
    assert (distances <= np.array(expected_distances)[:, -1:]).mean() >= 0.95


def test_only_items_to_keep_are_found_exactly(kind: str) -> None:
    """Also with rows that are not there, and with fewer than are asked for."""
    index, generator = built(kind), np.random.default_rng(5)
    for size in (300, 20, 1, 0):
        kept = generator.choice(ROWS, size, replace=False)
        rows, distances = index.search(QUERIES[:4], 30, keep=np.append(kept, [10_001, 10_001]))
        chosen = np.isin(ROWS, kept)
        expected, expected_distances = by_loops(QUERIES[:4], CODES[chosen], ROWS[chosen], 30)
        assert rows.tolist() == expected
        assert distances.tolist() == expected_distances


def test_added_items_are_found_and_removed_ones_are_not(kind: str) -> None:
    """New rows lie between the old ones; at the end the index is as if it had always been so."""
    index = built(kind, 2_100)
    index.add(CODES[2_100:], ROWS[2_100:])
    assert len(index) == ITEMS
    rows, distances = index.search(CODES[2_100:], 5)
    found = (rows == ROWS[2_100:, None]).any(axis=1)
    assert found.mean() >= (1 if kind == "flat" else 0.9)
    assert (distances[:, 0][found] == 0).all()
    gone, left = ROWS[::3], np.setdiff1d(ROWS, ROWS[::3])
    index.remove(gone)
    rows, distances = index.search(QUERIES, 100)
    assert not np.isin(rows, gone).any()
    chosen = np.isin(ROWS, left)
    expected, expected_distances = by_loops(QUERIES, CODES[chosen], ROWS[chosen], 100)
    if kind == "flat":
        assert rows.tolist() == expected
    assert (distances <= np.array(expected_distances)[:, -1:]).mean() >= 0.95
    assert index.search(QUERIES[:2], 10, keep=left)[0].tolist() == [row[:10] for row in expected[:2]]
    index.remove(left)
    assert len(index) == 0
    index.add(CODES[:3], ROWS[:3])
    assert index.search(CODES[:1], 3)[0][0, 0] == ROWS[0]


def test_real_valued_queries_follow_what_is_added_and_removed(kind: str) -> None:
    """Exact with rows to keep; without, most of the exact answer, whatever the kind."""
    index = built(kind, 2_100)
    asked = 2 * np.unpackbits(QUERIES, axis=1).astype(np.float32) - 1
    asked *= np.random.default_rng(3).random(asked.shape, np.float32)
    index.search_real(asked[:1], 1)
    index.add(CODES[2_100:], ROWS[2_100:])
    for left in (ROWS, np.setdiff1d(ROWS, ROWS[::3])):
        index.remove(np.setdiff1d(index.rows, left))
        codes = CODES[np.isin(ROWS, left)]
        scores = asked.astype(np.float64) @ (2.0 * np.unpackbits(codes, axis=1) - 1).T
        rows = ROWS[np.isin(ROWS, left)]
        order = np.array([np.lexsort((rows, -one))[:50] for one in scores])
        kept, values = index.search_real(asked, 50, keep=np.append(left, 10_001))
        assert np.array_equal(kept, rows[order])
        assert np.allclose(values, np.take_along_axis(scores, order, axis=1), rtol=1e-12)
        found, values = index.search_real(asked, 50)
        assert (np.diff(values) <= 0).all()
        assert np.isin(found, left).all()
        shared = [len(np.intersect1d(a, b)) for a, b in zip(found, kept, strict=True)]
        assert np.mean(shared) >= 0.95 * 50


@pytest.mark.parametrize("mapped", [False, True])
def test_a_file_gives_the_same_answers(kind: str, mapped: bool, tmp_path: Path) -> None:
    index = built(kind)
    index.save(tmp_path / "a")
    loaded = CodeIndex.load(tmp_path / "a", mapped)
    assert (loaded.kind, len(loaded)) == (kind, ITEMS)
    assert np.array_equal(loaded.rows, np.sort(ROWS))
    assert np.array_equal(loaded.packed, CODES[np.argsort(ROWS)])
    for top in (1, 100):
        for a, b in zip(loaded.search(QUERIES, top), index.search(QUERIES, top), strict=True):
            assert np.array_equal(a, b)
    real = np.random.default_rng(3).standard_normal((20, 64)).astype(np.float32)
    for a, b in zip(loaded.search_real(real, 100), index.search_real(real, 100), strict=True):
        assert np.array_equal(a, b)
    kept = ROWS[:200]
    assert np.array_equal(loaded.search(QUERIES, 9, kept)[0], index.search(QUERIES, 9, kept)[0])
    loaded.save(tmp_path / "b")
    again = CodeIndex.load(tmp_path / "b").search(QUERIES, 100)
    assert np.array_equal(again[0], index.search(QUERIES, 100)[0])


def test_a_loaded_index_without_items_grows(kind: str, tmp_path: Path) -> None:
    index = built(kind)
    index.remove(ROWS)
    index.save(tmp_path / "a")
    loaded = CodeIndex.load(tmp_path / "a")
    assert (len(loaded), loaded.packed.shape, loaded.rows.dtype) == (0, (0, 8), np.int64)
    loaded.add(CODES[:3], ROWS[:3])
    assert loaded.search(CODES[2:3], 1)[0].tolist() == [[ROWS[2]]]


def test_codes_that_lie_in_a_mapped_file_cannot_be_written(tmp_path: Path) -> None:
    built("flat").save(tmp_path / "a")
    with pytest.raises(ValueError, match="read-only"):
        CodeIndex.load(tmp_path / "a", mapped=True).packed[0, 0] = 1


def test_a_loaded_index_grows_and_a_mapped_one_does_not(kind: str, tmp_path: Path) -> None:
    built(kind).save(tmp_path / "a")
    loaded = CodeIndex.load(tmp_path / "a")
    loaded.add(QUERIES[:5], np.arange(20_000, 20_005))
    assert loaded.search(QUERIES[3:4], 1)[1][0, 0] == 0
    loaded.remove(np.arange(20_000, 20_005))
    assert len(loaded) == ITEMS
    mapped = CodeIndex.load(tmp_path / "a", mapped=True)
    with pytest.raises(CrosshashError, match="mapped index cannot be changed"):
        mapped.add(QUERIES[:1], np.array([20_000]))
    with pytest.raises(CrosshashError, match="mapped index cannot be changed"):
        mapped.remove(ROWS[:1])


def test_an_approximate_kind_that_finds_too_few_is_helped_out() -> None:
    """With one list of centroids searched, 2,400 items are not all found; asked for, they all come."""
    index = built("ivf")
    assert index.structure is not None
    index.structure.tune(1)
    assert (index.structure.search(QUERIES[:2], ITEMS)[0] < 0).any()
    rows, distances = index.search(QUERIES[:2], ITEMS)
    assert (rows.tolist(), distances.tolist()) == by_loops(QUERIES[:2], CODES, ROWS, ITEMS)


def test_uniform_codes_have_no_neighbourhoods_to_find() -> None:
    codes = random_codes(np.random.default_rng(7), 4_000, 64)
    index = CodeIndex.build(codes, np.arange(4_000), "ivf")
    assert index.kind == "flat"
    assert index.remark.startswith("ivf does not find 97% of what an exact search finds")
    assert index.search(codes[:3], 1)[0].ravel().tolist() == [0, 1, 2]


def test_auto_goes_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, rows = clustered(4, 3_000, centers=20), np.arange(3_000)
    assert CodeIndex.build(codes, rows, "auto").kind == "flat"
    monkeypatch.setattr(code_index, "AUTO_IVF", 3_000)
    index = CodeIndex.build(codes, rows, "auto")
    assert index.kind == "ivf"
    for keep in (None, rows[:9]):
        assert index.search(codes[:9], 1, keep)[1].tolist() == [[0]] * 9


@pytest.mark.parametrize("bits", [8, 16, 24, 136])
def test_codes_of_any_length_can_be_searched_by_any_kind(bits: int) -> None:
    codes = clustered(3, 2_100, bits, centers=10, flipped=0.05)
    everything = np.arange(2_100)
    for kind in ENOUGH:
        index = CodeIndex(codes, everything, build_structure(kind, codes, everything, seed=0))
        rows, distances = index.search(codes[:5], 4)
        assert np.array_equal(np.bitwise_count(codes[rows] ^ codes[:5, None]).sum(axis=2), distances)


def test_equal_codes_give_equal_bytes_whatever_the_threads(kind: str, tmp_path: Path) -> None:
    built(kind).save(tmp_path / "a")
    faiss.omp_set_num_threads(2)
    try:
        built(kind).save(tmp_path / "b")
    finally:
        faiss.omp_set_num_threads(1)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_codes_that_do_not_fit_are_refused_all_at_once() -> None:
    with pytest.raises(CrosshashError, match=r"row 3 stands twice(.|\n)*row -1 is below 0"):
        CodeIndex.build(np.zeros((4, 1), np.uint8), np.array([3, 3, -1, 2]))
    with pytest.raises(CrosshashError, match=r"codes are float64\[2, 1\](.|\n)*rows are int64\[3\]"):
        CodeIndex.build(np.zeros((2, 1)), np.arange(3))  # type: ignore[arg-type]
    with pytest.raises(CrosshashError, match=r"codes are uint8\[3\], not"):
        CodeIndex.build(np.zeros(3, np.uint8), np.arange(3))
    index = CodeIndex.build(np.zeros((2, 1), np.uint8), np.array([4, 5]))
    with pytest.raises(CrosshashError, match=r"not uint8\[N, 1\](.|\n)*row 5 is in the index already"):
        index.add(np.zeros((1, 2), np.uint8), np.array([5]))
    with pytest.raises(CrosshashError, match="no such rows:\n  - 9"):
        index.remove(np.array([9, 4]))
    assert index.rows.tolist() == [4, 5]


def test_damaged_files_are_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "image.faiss"
    with pytest.raises(CrosshashError, match=r"image\.faiss: not found"):
        CodeIndex.load(path)
    built(kind).save(path)
    whole = path.read_bytes()
    for size in (0, 3, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        for mapped in (False, True):
            with pytest.raises(CrosshashError, match=r"image\.faiss: is cut, or no index of this version"):
                CodeIndex.load(path, mapped)
    path.write_bytes(whole[: len(whole) // 2] + LAST_LINE)
    with pytest.raises(CrosshashError, match=r"image\.faiss: its checksum differs.*run `dvc repro index`"):
        CodeIndex.load(path)
    seal(path)
    for mapped in (False, True):
        with pytest.raises(CrosshashError, match=r"image\.faiss: is damaged .*run `dvc repro index`"):
            CodeIndex.load(path, mapped)


def test_files_of_others_are_named(tmp_path: Path) -> None:
    path = tmp_path / "image.faiss"
    path.write_bytes(b"certainly no index, but long enough to be read as one" * 3)
    with pytest.raises(CrosshashError, match="no index of this version"):
        CodeIndex.load(path)
    others = (faiss.IndexBinaryFlat(16), faiss.IndexBinaryIDMap2(faiss.IndexBinaryFlat(16)))
    for other in (*others, faiss.IndexBinaryIDMap(faiss.IndexBinaryHash(16, 8))):
        path.write_bytes(faiss.serialize_index_binary(other).tobytes() + LAST_LINE)
        seal(path)
        with pytest.raises(
            CrosshashError, match=r"image\.faiss: is a IndexBinary\w+, not an index of this project"
        ):
            CodeIndex.load(path)
    with pytest.raises(CrosshashError, match="cannot be read"):
        CodeIndex.load(tmp_path)


@pytest.mark.parametrize("kind", [None, "ivf", "hnsw", "multihash"])
def test_a_change_is_a_removal_and_an_addition(kind: str | None) -> None:
    """Rows that are there, at both ends and between, one that is not, and some behind the last."""
    codes, more = clustered(0, 600), clustered(1, 4)
    indexes = []
    for _ in range(2):
        index = CodeIndex.build(codes[:500], np.arange(500))
        if kind is not None:
            index.structure = build_structure(kind, index.packed, index.rows, seed=0)  # type: ignore[arg-type]
        indexes.append(index)
    one, other = indexes
    one.search_real(
        2 * np.unpackbits(more, axis=1).astype(np.float32) - 1, 5
    )  # what that lays out is changed, too
    changed = np.array([0, 7, 8, 499, 500, 503])
    one.change(more, np.array([0, 499, 500, 503]), changed)
    other.remove(changed[:4])
    other.add(more, np.array([0, 499, 500, 503]))
    assert np.array_equal(one.rows, other.rows)
    assert np.array_equal(one.packed, other.packed)
    signs = 2 * np.unpackbits(codes[500:], axis=1).astype(np.float32) - 1
    for found, expected in zip(
        (*one.search(codes[500:], 20), *one.search_real(signs, 20)),
        (*other.search(codes[500:], 20), *other.search_real(signs, 20)),
        strict=True,
    ):
        assert np.array_equal(found, expected)
    one.change(more[:0], np.zeros(0, np.int64), np.array([900]))
    assert len(one) == len(other) == 500
    with pytest.raises(CrosshashError, match="not uint8"):
        one.change(more[:, :1], np.arange(4), np.arange(4))


def test_rows_that_rise_but_at_one_place_are_ordered() -> None:
    index = CodeIndex.build(np.array([[1], [2], [3]], np.uint8), np.array([0, 9, 5]))
    assert index.rows.tolist() == [0, 5, 9]
    assert index.packed.tolist() == [[1], [3], [2]]
    asked = np.array([[5]], np.uint8)  # 1, 2 and 3 bits from 1, 3 and 2
    assert index.search(asked, 2)[0].tolist() == [[0, 5]]
    index.add(np.array([[4], [5]], np.uint8), np.array([7, 6], np.uint16))
    assert index.search(asked, 2)[0].tolist() == [[6, 0]]
    assert index.rows.tolist() == [0, 5, 6, 7, 9]
    assert index.rows.dtype == np.int64
    assert index.packed.tolist() == [[1], [3], [5], [4], [2]]


def test_codes_of_rows() -> None:
    index = CodeIndex.build(CODES[:50], ROWS[:50])
    assert np.array_equal(index.codes_of(ROWS[:50].reshape(5, 10)), CODES[:50].reshape(5, 10, 8))
    assert index.known(np.array([ROWS[7], -1, 20_000, ROWS[3], ROWS[7]])).tolist() == sorted(ROWS[[3, 7]])


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks Linux what is mapped")
def test_a_mapped_index_stays_in_its_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "index"
    built(kind).save(path)
    for mapped in (True, False):
        index = CodeIndex.load(path, mapped)
        assert (str(path) in Path("/proc/self/maps").read_text()) == mapped
        assert len(index) == ITEMS
        del index


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_more_queries_than_are_searched_at_once_are_answered_as_few_are(kind: Any) -> None:  # noqa: ANN401
    index, codes = built(kind), np.concatenate([QUERIES, QUERIES[:10]])
    reals = np.random.default_rng(3).standard_normal((70, 64)).astype(np.float32)
    for keep in (None, ROWS[::2]):
        for search, queries in ((index.search, codes), (index.search_real, reals)):
            whole = search(queries, 7, keep)
            halves = [search(queries[part], 7, keep) for part in (slice(35), slice(35, 70))]
            for one, both in zip(whole, zip(*halves, strict=True), strict=True):
                assert one.dtype == both[0].dtype
                assert np.array_equal(one, np.concatenate(both))


def test_rows_of_any_whole_numbers_are_removed_from_lists() -> None:
    index = built("ivf")
    index.remove(ROWS[::3].astype(np.uint16))
    assert not np.isin(index.search(QUERIES, 50)[0], ROWS[::3]).any()
    assert index.structure is not None
    assert index.structure.held.ntotal == len(index) == 1_600


def test_lists_are_drawn_by_the_seed_and_measured_by_the_queries() -> None:
    """Queries without neighbourhoods want more lists than are worth it; the codes themselves do not."""
    codes, rows = clustered(0, 3_000, centers=20), np.arange(3_000)
    structures = [CodeIndex.build(codes, rows, "ivf", seed=seed).structure for seed in (0, 1)]
    one, other = (structure.centroids.packed for structure in structures if structure is not None)
    assert not np.array_equal(one, other)
    uniform = np.random.default_rng(0).integers(0, 256, (60, 8), np.uint8)
    index = CodeIndex.build(codes, rows, "ivf", uniform)
    assert index.kind == "flat"
    assert "does not find 97%" in index.remark
