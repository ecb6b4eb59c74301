"""Changes as tables and files, by hand; what searches make of them is tested with collections."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crosshash.errors import CrosshashError
from crosshash.parquet import write_parquet
from crosshash.retrieval.codefiles.segments import (
    SEGMENTS,
    Changes,
    changes_of,
    merged,
    read_changes,
    read_segment,
    segment_paths,
)

COLUMNS = ["place", "id", "image_code", "image_words", "text_code", "text_words"]


def named(*names: str | None) -> pa.Table:
    return pa.table({"id": pa.array(names, pa.string())})


def changes(places: list[int], *names: str | None, code: int = 0) -> Changes:
    """Items with codes of one byte, all the same."""
    packed = np.full((len(places), 1), code, np.uint8)
    there = np.ones(len(places), bool)
    both = {"image": packed, "text": packed}, {"image": there, "text": there}
    return changes_of(np.array(places), named(*names), *both, None)  # type: ignore[arg-type]


def test_changes_by_hand() -> None:
    """Three items, given in the order of places 7, 2, 4: what is known of each goes with it."""
    packed = np.array([[1, 2], [3, 4], [5, 6]], np.uint8)
    words = np.array([[7, 8], [9, 10], [11, 12]])
    found = changes_of(
        np.array([7, 2, 4]),
        named("seven", "two", "four"),
        {"image": packed, "text": packed + 10},
        {"image": np.array([True, True, True]), "text": np.array([False, True, True])},
        {"image": words, "text": words + 20},
    )
    assert found.table.column_names == COLUMNS
    assert found.table["image_code"].type == pa.binary()
    assert found.table["text_words"].type == pa.list_(pa.int64())
    assert (len(found), found.places.tolist(), found.places.dtype) == (3, [2, 4, 7], np.int64)
    assert found.items.to_pydict() == {"id": ["two", "four", "seven"]}
    codes, rows = found.codes("image", 2)
    assert (codes.tolist(), rows.tolist()) == ([[3, 4], [5, 6], [1, 2]], [2, 4, 7])
    codes, rows = found.codes("text", 2)
    assert (codes.tolist(), rows.tolist()) == ([[13, 14], [15, 16]], [2, 4])
    assert found.words("image", 2).tolist() == [[9, 10], [11, 12], [7, 8]]
    assert found.words("image", 2).dtype == np.int64
    assert found.words("text", 2).tolist() == [[29, 30], [31, 32], [27, 28]]


def test_of_items_that_are_gone_nothing_is_known() -> None:
    found = changes_of(np.array([3, 1]), named(None, None), None, None, None)
    assert found.table.to_pydict() == {
        "place": [1, 3], **{name: [None, None] for name in COLUMNS[1:]}
    }  # fmt: skip
    assert [found.table[name].type for name in COLUMNS[2:4]] == [pa.binary(), pa.list_(pa.int64())]
    codes, rows = found.codes("text", 4)
    assert (codes.shape, rows.shape) == ((0, 4), (0,))
    assert found.words("image", 2).tolist() == [[0, 0], [0, 0]]


def test_the_last_change_of_a_place_counts() -> None:
    """Place 1 changes thrice, 5 twice; none of their other changes is left."""
    parts = [
        changes([1, 5], "a", "b", code=1),
        changes([1, 2], "c", "d", code=2),
        changes([5, 1], "e", "f", code=3),
    ]
    found = merged(parts)
    assert found.places.tolist() == [1, 2, 5]
    assert found.items["id"].to_pylist() == ["f", "d", "e"]
    assert found.codes("text", 1)[0].ravel().tolist() == [3, 2, 3]
    assert all(found.table[name].num_chunks == 1 for name in COLUMNS)


@pytest.mark.parametrize(
    ("places", "names", "wanted"),
    [
        ([1, 3, 4], ("B", "d", "e"), ["a", "B", "c", "d", "e"]),
        ([2], (None,), ["a", "b", None]),
        ([0, 1, 2], ("A", "B", "C"), ["A", "B", "C"]),
        ([3, 4], ("d", "e"), ["a", "b", "c", "d", "e"]),
        ([], (), ["a", "b", "c"]),
    ],
)
def test_a_table_with_its_changes(
    places: list[int], names: tuple[str | None, ...], wanted: list[str]
) -> None:
    """In one chunk, of the types of the table; what only the changes have is null before them."""
    table = pa.concat_tables(
        [pa.table({"id": pa.array(part, pa.large_string())}) for part in (["a"], ["b", "c"])]
    )
    found = changes(places, *names)
    full = Changes(found.table.append_column("more", pa.array([1] * len(places), pa.int64())))
    changed = full.applied(table)
    assert changed["id"].to_pylist() == wanted
    assert changed["id"].type == pa.large_string()
    assert changed["more"].to_pylist() == [1 if row in places else None for row in range(len(wanted))]
    assert all(changed[name].num_chunks == 1 for name in changed.column_names)


def test_no_change_of_no_item_is_none() -> None:
    assert changes([]).applied(named()).to_pydict() == {"id": []}
    assert changes([0], "a").applied(named()).to_pydict() == {"id": ["a"]}


def written(index: Path, name: str, found: Changes) -> None:
    (index / SEGMENTS).mkdir(exist_ok=True)
    write_parquet(index / SEGMENTS / name, found.table.schema, [found.table])


def test_segments_that_are_held_by_another_do_not_count(tmp_path: Path) -> None:
    """1 to 3 lies beside its parts, and 5 beside 4 to 6; other files are none."""
    assert segment_paths(tmp_path) == []
    assert read_changes(tmp_path) is None
    for first, last in ((4, 6), (1, 1), (5, 5), (2, 2), (3, 3), (1, 3), (7, 7)):
        written(tmp_path, f"{first:08}-{last:08}.parquet", changes([1, first], f"at {first}", f"new {first}"))
    (tmp_path / SEGMENTS / "00000008-00000008.parquet.part").touch()
    names = [path.name for path in segment_paths(tmp_path)]
    assert names == ["00000001-00000003.parquet", "00000004-00000006.parquet", "00000007-00000007.parquet"]
    found = read_changes(tmp_path)
    assert found is not None
    assert found.table.select(["place", "id"]).to_pydict() == {
        "place": [1, 4, 7], "id": ["at 7", "new 4", "new 7"]
    }  # fmt: skip


@pytest.mark.parametrize(("gone", "missing"), [(1, "1 to 3"), (4, "4 to 6")])
def test_a_missing_segment_is_named(tmp_path: Path, gone: int, missing: str) -> None:
    (tmp_path / SEGMENTS).mkdir()
    for first, last in ((1, 3), (4, 6), (7, 7)):
        if first != gone:
            (tmp_path / SEGMENTS / f"{first:08}-{last:08}.parquet").touch()
    remedy = "Delete the collection and run `crosshash encode` with its folders again."
    with pytest.raises(CrosshashError) as caught:
        segment_paths(tmp_path)
    assert str(caught.value) == f"{tmp_path / SEGMENTS}: changes {missing} are missing. {remedy}"


def test_segments_that_lack_columns_or_are_damaged_are_named(tmp_path: Path) -> None:
    remedy = "Delete the collection and run `crosshash encode` with its folders again."
    path = tmp_path / "00000001-00000001.parquet"
    for absent in COLUMNS:
        table = changes([1], "a").table.drop_columns([absent])
        write_parquet(path, table.schema, [table])
        with pytest.raises(CrosshashError) as caught:
            read_segment(path)
        assert str(caught.value) == f"{path}: no column {absent}. {remedy}"
    table = named("a")
    write_parquet(path, table.schema, [table])
    with pytest.raises(
        CrosshashError, match="no column place, image_code, image_words, text_code, text_words"
    ):
        read_segment(path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CrosshashError, match=f"{path}.*{remedy}"):
        read_segment(path)


def test_a_segment_is_read_in_one_chunk(tmp_path: Path) -> None:
    path, found = tmp_path / "00000001-00000001.parquet", changes([1], "a")
    write_parquet(path, found.table.schema, [found.table, found.table])
    read = read_segment(path)
    assert read.table.equals(pa.concat_tables([found.table] * 2))
    assert all(read.table[name].num_chunks == 1 for name in COLUMNS)
