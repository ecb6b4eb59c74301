from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.checksums import BLANK
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.index.large import build as building
from crosshash.index.large import large_index, layout, scan
from crosshash.index.large.build import build, change, tuned
from crosshash.index.large.centroids import Centroids, learned
from crosshash.index.large.large_index import Kind, LargeIndex, large_folder
from crosshash.index.large.shards import Blocks, CodeShards
from crosshash.index.recall import MOST, WANTED
from tests.index.codes import by_loops, clustered

ITEMS = 3_000
MANY = 20_000  # fewer would be scanned
NOTHING = np.zeros((0, 8), np.uint8), np.zeros(0, np.int64)
NONE = np.zeros(0, np.int64)


def blocks(codes: np.ndarray, rows: np.ndarray, size: int = 700) -> Blocks:
    return [(codes[at : at + size], rows[at : at + size]) for at in range(0, len(codes), size)]


def rows_of(items: int, seed: int = 0) -> np.ndarray:
    """Rising rows with gaps."""
    return np.sort(np.random.default_rng(seed).permutation(3 * items)[:items])


def items_of(kind: Kind) -> int:
    return MANY if kind == "ivf" else ITEMS


def bits_of(kind: Kind) -> int:
    return 16 if kind == "equal" else 64


@pytest.fixture(params=["flat", "equal"])
def exact_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kind:
    monkeypatch.setattr(scan, "BLOCK", 512)  # several blocks
    return request.param  # type: ignore[no-any-return]


def test_exact_kinds_answer_as_a_sort_by_distance_then_row(exact_kind: Kind, tmp_path: Path) -> None:
    bits = bits_of(exact_kind)
    codes, rows, queries = clustered(0, ITEMS, bits), rows_of(ITEMS), clustered(1, 20, bits)
    index = build(tmp_path / "index", blocks(codes, rows), exact_kind)
    found, distances = index.search(queries, 50)
    expected = by_loops(queries, codes, rows, 50)
    assert (found.tolist(), distances.tolist()) == expected


def test_exact_kinds_score_real_queries_as_a_small_index(exact_kind: Kind, tmp_path: Path) -> None:
    bits = bits_of(exact_kind)
    codes, rows = clustered(0, ITEMS, bits), rows_of(ITEMS)
    queries = np.random.default_rng(3).standard_normal((20, bits)).astype(np.float32)
    index = build(tmp_path / "index", blocks(codes, rows), exact_kind)
    best_rows, scores = CodeIndex.build(codes, rows).search_real(queries, 50, keep=rows)
    found, own = index.search_real(queries, 50)
    assert np.array_equal(scores, own)
    assert np.array_equal(best_rows, found)


@pytest.mark.parametrize("kind", ["flat", "equal", "ivf"])
def test_among_kept_rows_every_kind_is_exact(kind: Kind, tmp_path: Path) -> None:
    bits, items = bits_of(kind), items_of(kind)
    codes, rows, queries = clustered(0, items, bits), rows_of(items), clustered(1, 20, bits)
    keep = np.append(rows[::7], 10**7)
    index = build(tmp_path / "index", blocks(codes, rows), kind)
    assert index.kind == kind
    small = CodeIndex.build(codes, rows)
    for own, expected in zip(index.search(queries, 30, keep), small.search(queries, 30, keep), strict=True):
        assert np.array_equal(own, expected)
    reals = np.random.default_rng(3).standard_normal((20, bits)).astype(np.float32)
    both = zip(index.search_real(reals, 30, keep), small.search_real(reals, 30, keep), strict=True)
    assert all(np.array_equal(own, expected) for own, expected in both)


def test_lists_find_what_they_were_measured_to_find(tmp_path: Path) -> None:
    codes, rows, queries = clustered(0, MANY), rows_of(MANY), clustered(1, 100)
    index = build(tmp_path / "index", blocks(codes, rows), "ivf", clustered(2, 100))
    assert (index.kind, index.remark) == ("ivf", "")
    figures = index.description["search"][-1]
    assert figures["nprobe"] == index.description["nprobe"] == index.setting
    assert 0 < figures["compared"] <= MOST
    assert min(figures["recall@10"], figures["recall@100"]) >= WANTED
    assert index.search(queries[:1], 1)[1].dtype == np.int32
    found, distances = index.search(queries, 10)
    exact_rows, exact = CodeIndex.build(codes, rows).search(queries, 10)
    assert (distances <= exact[:, -1:]).mean() > 0.95
    assert np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, exact_rows, strict=True)]) > 8
    by_row = dict(zip(rows.tolist(), codes, strict=True))
    for query, some, told in zip(queries, found.tolist(), distances.tolist(), strict=True):
        assert told == [int(np.unpackbits(query ^ by_row[row]).sum()) for row in some]
        assert sorted(zip(told, some, strict=True)) == list(zip(told, some, strict=True))


def test_more_lists_are_looked_at_where_they_hold_too_few(tmp_path: Path) -> None:
    codes, rows = clustered(0, MANY), np.arange(MANY)
    index = build(tmp_path / "index", blocks(codes, rows), "ivf")
    found, distances = index.search(clustered(1, 5), MANY + 1)
    assert np.array_equal(np.sort(found, axis=1), np.tile(rows, (5, 1)))
    assert (np.diff(distances, axis=1) >= 0).all()
    some, _ = index.search_real(np.ones((1, 64), np.float32), MANY)
    assert np.array_equal(np.sort(some[0]), rows)


def test_uniform_codes_are_scanned_with_a_remark(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 256, (ITEMS, 8), np.uint8)
    index = build(tmp_path / "index", blocks(codes, np.arange(ITEMS)), "ivf")
    assert index.kind == "flat"
    assert "does not find 97%" in index.remark
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == ["codes.npy", "index.json"]


@pytest.mark.parametrize("kind", ["flat", "equal", "ivf"])
def test_a_changed_index_is_one_built_of_what_it_holds(kind: Kind, tmp_path: Path) -> None:
    bits, items = bits_of(kind), items_of(kind)
    codes, rows, queries = clustered(0, items, bits), rows_of(items), clustered(1, 3, bits)
    new_rows = np.setdiff1d(np.arange(4 * items), rows)[::9]
    new, gone = clustered(5, len(new_rows), bits), rows[::5]
    new_rows = np.sort(np.append(new_rows[1:], gone[0]))  # a row that goes comes again
    before = build(tmp_path / "index", blocks(codes, rows), kind)
    index = change(before, tmp_path / "index", new, new_rows, gone)
    stays = ~np.isin(rows, gone)
    all_codes, all_rows = np.concatenate([codes[stays], new]), np.concatenate([rows[stays], new_rows])
    order = np.argsort(all_rows)
    small = CodeIndex.build(all_codes[order], all_rows[order])
    assert len(index) == len(small)
    top = len(small) if kind == "ivf" else 50  # of all items nothing is missed
    for own, expected in zip(index.search(queries, top), small.search(queries, top), strict=True):
        assert np.array_equal(own, expected)


@given(
    seed=st.integers(0, 2**32), items=st.integers(1, 300), top=st.integers(1, 40), size=st.integers(1, 100)
)
@settings(max_examples=30, deadline=None)
def test_equal_codes_in_any_blocks(
    tmp_path_factory: pytest.TempPathFactory, seed: int, items: int, top: int, size: int
) -> None:
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, 4, (items, 1), np.uint8) * np.uint8(17)  # four codes, many ties
    rows, queries = rows_of(items, seed), generator.integers(0, 256, (3, 1), np.uint8)
    index = build(tmp_path_factory.mktemp("index") / "index", blocks(codes, rows, size))
    assert index.kind == "equal"
    found, distances = index.search(queries, top)
    assert (found.tolist(), distances.tolist()) == by_loops(queries, codes, rows, top)


def test_shards_are_read_one_after_the_other(tmp_path: Path) -> None:
    codes = clustered(0, 1_000)
    for number, part in enumerate(np.split(codes, [300, 450])):
        np.save(tmp_path / f"{number}.npy", part)
    shards = CodeShards([tmp_path / f"{number}.npy" for number in range(3)])
    index = build(tmp_path / "index", shards, "flat")
    assert index.rows is None
    found, _ = index.search(codes[[0, 299, 300, 999]], 1)
    assert np.array_equal(codes[found[:, 0]], codes[[0, 299, 300, 999]])


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    codes, rows = clustered(0, MANY), np.arange(MANY)
    for name, size in (("a", 7_000), ("b", 999)):
        build(tmp_path / name, blocks(codes, rows, size), "ivf")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_files_that_are_damaged_are_refused(tmp_path: Path) -> None:
    build(tmp_path / "index", blocks(clustered(0, MANY), np.arange(MANY)), "ivf")
    path = tmp_path / "index" / "rows.npy"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CrosshashError, match=r"rows.npy: its checksum differs"):
        LargeIndex.load(tmp_path / "index")
    path.write_bytes(content[: -len(BLANK) - 4])
    with pytest.raises(CrosshashError, match=r"rows.npy: .*Build the index again"):
        LargeIndex.load(tmp_path / "index")


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("flat", ["codes", "rows"]),
        ("equal", ["centroids", "places", "rows", "starts"]),
        ("ivf", ["centroids", "codes", "places", "rows", "starts"]),
    ],
)
def test_every_file_has_a_checksum(kind: Kind, files: list[str], tmp_path: Path) -> None:
    folder, codes, rows = tmp_path / "index", clustered(0, 50, 8), rows_of(50)
    if kind == "ivf":  # of so few codes, build makes no lists
        folder.mkdir()
        shape = layout.Shape(50, 1, int(rows[-1]))
        told = {"kind": "ivf", "nprobe": 1}
        layout.write_lists(folder, blocks(codes, rows), shape, Centroids(codes[:7]), told)
    else:
        build(folder, blocks(codes, rows), kind)
    assert {path.name for path in folder.iterdir()} == {*(f"{one}.npy" for one in files), "index.json"}
    for one in files:
        path = folder / f"{one}.npy"
        whole = path.read_bytes()
        path.write_bytes(whole[:-200] + bytes([whole[-200] ^ 1]) + whole[-199:])
        with pytest.raises(CrosshashError, match=rf"{one}\.npy: its checksum differs"):
            LargeIndex.load(folder)
        path.write_bytes(whole)
    assert len(LargeIndex.load(folder)) == 50


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    codes, rows = clustered(0, 100), np.arange(100)
    with pytest.raises(CrosshashError, match="rows do not rise"):
        build(tmp_path / "index", blocks(codes, rows[::-1]))
    with pytest.raises(CrosshashError, match="there are no codes"):
        build(tmp_path / "index", [])
    for empty in ((codes[:0], rows[:0]), (codes[:, :0], rows)):
        with pytest.raises(CrosshashError, match="there are no codes"):
            build(tmp_path / "index", [empty])
    with pytest.raises(CrosshashError, match="too long for a list each"):
        build(tmp_path / "index", blocks(codes, rows), "equal")
    with pytest.raises(CrosshashError, match=r"not uint8\[N, 8\]"):
        build(tmp_path / "index", [(codes, rows), (codes[:, :4], rows + 100)])
    index = build(tmp_path / "index", blocks(codes, rows), "flat")
    with pytest.raises(CrosshashError, match="row 5 is in the index already"):
        change(index, tmp_path / "index", codes[:1], np.array([5]), NONE)
    with pytest.raises(CrosshashError, match="row 100 is not in the index"):
        change(index, tmp_path / "index", *NOTHING, np.array([100]))
    with pytest.raises(CrosshashError, match="nothing would be left"):
        change(index, tmp_path / "index", *NOTHING, rows)
    with pytest.raises(CrosshashError, match="index holds codes of 8 bytes"):
        index.search(codes[:, :2], 1)


def test_few_items_are_scanned(tmp_path: Path) -> None:
    index = build(tmp_path / "index", blocks(clustered(0, 50), np.arange(50)), "auto")
    assert (index.kind, index.remark) == (
        "flat",
        "50 items are too few for ivf, which starts at 2000; scanned",
    )


def test_as_many_items_as_ivf_starts_at_get_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crosshash.index.large.build.FEWEST", 150)
    codes, rows = clustered(0, 150), np.arange(150)
    assert "does not find" in build(tmp_path / "index", blocks(codes, rows), "ivf").remark
    assert "149 items are too few" in build(tmp_path / "few", blocks(codes[1:], rows[1:]), "ivf").remark


def test_lists_are_24_times_the_root_of_the_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2,500 codes 24 * 50 = 1,200, so 1,024 lists, where one code is enough for each."""
    monkeypatch.setattr("crosshash.index.large.build.SAMPLE", 1)
    monkeypatch.setattr("crosshash.index.large.build.MOST", 2)  # though so many are compared
    index = build(tmp_path / "index", blocks(clustered(0, 2_500, 32), np.arange(2_500)), "ivf")
    assert (index.kind, len(index.centroids)) == ("ivf", 1_024)


def test_a_row_before_the_only_one_is_not_known(tmp_path: Path) -> None:
    for row in (0, 1, 2):
        index = build(tmp_path / str(row), [(np.array([[7]], np.uint8), np.array([row]))], "equal")
        assert index.known(np.arange(4)).tolist() == [row]


def test_the_highest_row_of_four_bytes() -> None:
    """2^32 - 2; one more is left for the number of items, which stands for rows that no code has."""
    assert layout.Shape(1, 1, 2**32 - 2).rows == "uint32"
    assert layout.Shape(1, 1, 2**32 - 1).rows == "int64"


def test_high_rows_take_eight_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SHORT", 1_000)
    codes, rows = clustered(0, 500, 16), rows_of(500)
    index = build(tmp_path / "index", blocks(codes, rows))
    assert index.description["rows"] == "int64"
    assert set(index.search(codes[:1], 500)[0][0].tolist()) == set(rows.tolist())


@pytest.mark.parametrize("kind", ["flat", "equal", "ivf"])
def test_codes_of_rows(kind: Kind, tmp_path: Path) -> None:
    codes, rows = clustered(0, items_of(kind), bits_of(kind)), rows_of(items_of(kind))
    index = build(tmp_path / "index", blocks(codes, rows), kind)
    chosen = np.random.default_rng(0).integers(len(rows), size=(3, 5))
    assert np.array_equal(index.codes_of(rows[chosen]), codes[chosen])
    strange = np.array([-1, rows[-1] + 1, *np.setdiff1d(np.arange(rows[-1]), rows)[:5]])
    assert np.array_equal(index.known(np.append(strange, rows[[7, 3]])), rows[[3, 7]])


def test_what_stays_keeps_its_list(tmp_path: Path) -> None:
    codes, rows = clustered(0, MANY), rows_of(MANY)
    before = build(tmp_path / "index", blocks(codes, rows), "ivf")
    after = change(before, tmp_path / "after", codes[:1], rows[-1:] + 1, rows[::3])
    left = np.delete(rows, slice(None, None, 3))

    def lists(index: LargeIndex, some: np.ndarray) -> np.ndarray:
        return np.searchsorted(index.starts, index.places[some], side="right")

    assert np.array_equal(lists(after, left), lists(before, left))
    assert lists(after, rows[-1:] + 1) == lists(before, rows[:1])  # the same code, the same list
    assert np.array_equal(after.codes_of(left), codes[np.isin(rows, left)])


@pytest.mark.parametrize("kind", ["flat", "equal"])
@pytest.mark.parametrize("gaps", [False, True])
def test_indexes_are_written_and_changed_in_blocks_of_any_size(
    kind: Kind, gaps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codes of one byte, of which each stands in most blocks; all that an index tells, by a dictionary."""
    for room in (layout, large_index, scan):
        monkeypatch.setattr(room, "BLOCK", 64)
    codes = clustered(0, 400, 8)
    rows = rows_of(400) if gaps else np.arange(400)
    index = build(tmp_path / "index", blocks(codes, rows, 90), kind)
    assert (index.remark, index.setting) == ("", None)
    assert (tmp_path / "index" / "codes.npy").exists() == (kind == "flat")
    assert (tmp_path / "index" / "rows.npy").exists() == (gaps or kind == "equal")
    there = dict(zip(rows.tolist(), codes.tolist(), strict=True))
    free = np.setdiff1d(np.arange(-5, rows[-1] + 9), rows)
    gone = rows[[0, 1, 60, 66, 67, 200, 399]]
    between = free[(free >= 0) & ((free < 4) | (np.abs(free - rows[63]) < 9) | (free > rows[-1]))]
    new = np.sort(np.concatenate([between, gone[2:4]]))
    after = change(index, tmp_path / "after", codes[: len(new)], new, gone[::-1])
    changed = {row: code for row, code in there.items() if row not in gone}
    changed |= dict(zip(new.tolist(), codes.tolist(), strict=False))
    for one, holds in ((index, there), (after, changed)):
        assert one.remark == ""
        assert len(one) == len(holds)
        known = sorted(holds)
        assert one.known(np.append(free, rows)).tolist() == known
        assert one.codes_of(np.array(known)).tolist() == [holds[row] for row in known]
        parts = [*one.blocks()]
        found = [pair for part in parts for pair in zip(part[1].tolist(), part[0].tolist(), strict=True)]
        assert sorted(found) == sorted(holds.items())
        assert all(own.dtype == np.int64 for _, own in parts)
        assert max(len(packed) for packed, _ in parts) <= 64
        answers, distances = one.search(codes[:70], 30)
        assert (answers.dtype, distances.dtype) == (np.int64, np.int32)
        every = np.array([holds[row] for row in known], np.uint8)
        assert (answers.tolist(), distances.tolist()) == by_loops(codes[:70], every, np.array(known), 30)


def test_a_change_keeps_the_remark_and_the_second_row(tmp_path: Path) -> None:
    """Of rows 0 to 4 the first goes: 1 stays, as all others do."""
    codes = np.arange(40, dtype=np.uint8).reshape(5, 8)
    index = build(tmp_path / "index", [(codes, np.arange(5))], "ivf")
    after = change(index, tmp_path / "after", *NOTHING, np.array([0]))
    assert after.remark == index.remark == "5 items are too few for ivf, which starts at 2000; scanned"
    assert after.known(np.arange(9)).tolist() == [1, 2, 3, 4]
    assert after.codes_of(np.arange(1, 5)).tolist() == codes[1:].tolist()
    one = change(index, tmp_path / "one", *NOTHING, np.arange(1, 5))
    assert (one.description["items"], one.description["last"]) == (1, 0)


def test_folders_of_modalities_stand_side_by_side() -> None:
    assert large_folder(Path("index"), "text") == Path("index/text.codes")


def test_more_real_queries_than_are_searched_at_once_are_answered_as_few_are(tmp_path: Path) -> None:
    codes, rows = clustered(0, 200, 16), rows_of(200)
    index = build(tmp_path / "index", blocks(codes, rows), "flat")
    queries = np.random.default_rng(3).standard_normal((70, 16)).astype(np.float32)
    for keep in (None, rows[::2]):
        whole = index.search_real(queries, 7, keep)
        halves = index.search_real(queries[:35], 7, keep), index.search_real(queries[35:], 7, keep)
        for one, both in zip(whole, zip(*halves, strict=True), strict=True):
            assert one.dtype == both[0].dtype
            assert np.array_equal(one, np.concatenate(both))


def test_codes_of_two_bytes_have_a_list_each_unless_another_kind_is_asked_for(tmp_path: Path) -> None:
    for width, kind in ((1, "equal"), (2, "equal"), (3, "flat")):
        codes = clustered(0, 200, 8 * width)
        assert build(tmp_path / str(width), blocks(codes, np.arange(200))).kind == kind


def test_a_folder_tells_what_it_holds(tmp_path: Path) -> None:
    told = {"items": 50, "width": 1, "last": 49, "remark": ""}
    for kind, lists, rows in (("flat", 0, ""), ("equal", 256, "uint32")):
        index = build(tmp_path / kind, blocks(clustered(0, 50, 8), np.arange(50)), kind)  # type: ignore[arg-type]
        assert index.description == told | {"kind": kind, "lists": lists, "rows": rows}


def test_lists_that_find_all_by_comparing_just_as_many_as_may_be_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than all cannot be found; what is compared in the end is then set as the most there may be."""
    monkeypatch.setattr(building, "WANTED", 1.0)
    monkeypatch.setattr(building, "MOST", 2.0)
    codes, rows = clustered(0, 400), np.arange(400)
    folder = tmp_path / "index"
    folder.mkdir()
    told = {"kind": "ivf", "nprobe": 1}
    layout.write_lists(folder, blocks(codes, rows), layout.Shape(400, 8, 399), learned(codes, 16, 0), told)
    queries = clustered(1, 9)
    truth = CodeIndex.build(codes, rows).search(queries, 100)
    nprobe, figures = tuned(folder, queries, truth)
    assert nprobe is not None
    assert (figures[-1]["recall@10"], figures[-1]["recall@100"]) == (1, 1)
    monkeypatch.setattr(building, "MOST", figures[-1]["compared"])
    assert tuned(folder, queries, truth) == (nprobe, figures)


def test_lists_are_measured_by_the_queries_that_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queries without neighbourhoods want more lists than are worth it; the codes themselves do not."""
    monkeypatch.setattr(building, "MOST", 1 / 4)
    codes = clustered(0, 2_000, centers=20)
    uniform = np.random.default_rng(0).integers(0, 256, (60, 8), np.uint8)
    for name, queries, kind in (("none", None, "ivf"), ("empty", codes[:0], "ivf"), ("far", uniform, "flat")):
        assert build(tmp_path / name, blocks(codes, np.arange(2_000)), "ivf", queries).kind == kind


def test_of_equal_codes_the_first_rows_are_found_also_after_a_change(tmp_path: Path) -> None:
    """Row 15 comes to rows 10, 20 and 30 of the same code, and is the second."""
    codes = np.full((3, 1), 7, np.uint8)
    index = build(tmp_path / "index", [(codes, np.array([10, 20, 30]))], "equal")
    after = change(index, tmp_path / "after", codes[:1], np.array([15]), NONE)
    for top in (1, 2, 3, 4):
        assert after.search(codes[:1], top)[0].tolist() == [[10, 15, 20, 30][:top]]


def test_the_seed_draws_the_first_centroids_of_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2,560 codes, 10 for each of 256 lists, all are learned from: no sample differs."""
    monkeypatch.setattr(building, "MOST", 2.0)
    codes = clustered(0, 2_560)
    one, other = (
        build(tmp_path / str(seed), blocks(codes, np.arange(2_560)), "ivf", codes[:9], seed).centroids
        for seed in (0, 1)
    )
    assert one.shape == other.shape == (256, 8)
    assert not np.array_equal(one, other)
