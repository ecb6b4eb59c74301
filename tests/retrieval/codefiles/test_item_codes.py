"""Items with their codes as a table and as a parquet file: column by column, there and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from crosshash.codes.vector_code import VectorCode
from crosshash.errors import CrosshashError
from crosshash.parquet import write_parquet
from crosshash.retrieval.codefiles.codeset import CodeSet
from crosshash.retrieval.codefiles.item_codes import (
    Head,
    check_items,
    code_column,
    code_sets,
    codes_of,
    items_of,
    items_schema,
    read_items,
    write_items,
)
from tests.retrieval.sets import arrays, code_set

UP, DOWN = [1] * 10, [-1] * 10


def three() -> CodeSet:
    """Codes of 10 bits; r1 has no text, nothing is known of r2's labels."""
    first, last = [1, *DOWN[1:]], [*DOWN[1:], 1]
    labels = [[1, 1], [0, 0], [1, 0]]
    return code_set(
        "r", [first, last, UP], [UP, DOWN, DOWN], labels, [True, False, True], [True, True, False]
    )


def row(number: int, **known: Any) -> dict[str, Any]:  # noqa: ANN401
    nothing = {"image": "", "caption": "", "labels": None, "pair_row": -1, "picture": None}
    return {"row": number, "id": f"r{number}", **nothing, "text_code": None, **known}


def test_the_columns_of_a_code_set_by_hand() -> None:
    """The first bit is the highest of the first byte, the tenth the second highest of the second."""
    items = items_of(three())
    assert items.schema.equals(items_schema(10))
    assert items.schema.names == [
        "row", "id", "image", "caption", "labels", "pair_row", "picture", "image_code", "text_code",
    ]  # fmt: skip
    assert items.schema.field("text_code").type == pa.binary(2)
    assert items.to_pylist() == [
        row(0, labels=["class 0", "class 1"], image_code=b"\x80\x00", text_code=b"\xff\xc0"),
        row(1, labels=[], image_code=b"\x00\x40"),
        row(2, image_code=b"\xff\xc0", text_code=b"\x00\x00"),
    ]


def same(found: CodeSet, wanted: CodeSet) -> bool:
    mine, other = arrays(found), arrays(wanted)
    return mine.keys() == other.keys() and all(np.array_equal(mine[key], other[key]) for key in mine)


def test_what_is_written_is_read_and_makes_the_same_sets(tmp_path: Path) -> None:
    """Without labels that are not known, and zeros for texts that are none; classes are those of both."""
    written = replace(three(), labels=np.array([[1, 1], [0, 0], [0, 0]], np.uint8))
    other = code_set("q", [UP], [DOWN], [[1, 0, 1]])
    head = Head(10, "made by", "asymmetric", 3, "large", pictures=True)
    write_items(tmp_path / "r.parquet", items_of(written), head)
    items, found = read_items(tmp_path / "r.parquet")
    assert found == head
    assert items.equals(items_of(written))
    assert items.schema.metadata is None
    mine, theirs = code_sets([items, items_of(other)], [10, 10], ["r", "q"])
    assert mine.classes.tolist() == theirs.classes.tolist() == ["class 0", "class 1", "class 2"]
    assert (mine.labels.dtype, mine.labels.tolist()) == (np.uint8, [[1, 1, 0], [0, 0, 0], [0, 0, 0]])
    assert same(replace(mine, labels=mine.labels[:, :2], classes=mine.classes[:2]), written)
    assert same(theirs, other)


def test_sets_without_any_label_have_no_class() -> None:
    bare = code_set("q", [UP, DOWN], [DOWN, UP], np.zeros((2, 0)), has_labels=[False, False])
    (found,) = code_sets([items_of(bare)], [10], ["q"])
    assert same(found, bare)
    assert found.classes.dtype.kind == "U"


def test_a_set_of_no_item_is_one_too() -> None:
    nothing = three().take(np.arange(0))
    items = items_of(nothing)
    assert items.schema.equals(items_schema(10))
    assert len(items) == 0
    assert items["id"].to_pylist() == []
    check_items(items, 10, "there")
    found, other = code_sets([items, items_of(three())], [10, 10], ["q", "r"])
    assert same(found, nothing)
    assert found.ids.dtype.kind == "U"
    assert len(other) == 3


def test_vectors_and_items_without_an_image_are_refused() -> None:
    vectors = code_set("q", [[1] * 32], [[1] * 32], [[1]])
    with pytest.raises(CrosshashError, match=r"stored as vectors \(none\), which are no hash codes"):
        items_of(replace(vectors, vector_code=VectorCode("none", 2)))
    items = items_of(three())
    without = items.set_column(7, "image_code", pa.array([None, b"ab", None], pa.binary(2)))
    with pytest.raises(CrosshashError, match=r"^there: 2 items have no image code; scores need one of each"):
        code_sets([without], [10], ["there"])


def test_codes_of_a_part_of_a_table() -> None:
    """What stands where no code is does not count, wherever the part begins."""
    there = np.array([True, False, True, True])
    packed = np.array([[1, 2], [3, 4], [5, 6], [7, 8]], np.uint8)
    table = pa.table({"image_code": code_column(packed), "text_code": code_column(packed, there)})
    assert table["text_code"].to_pylist() == [b"\1\2", None, b"\5\6", b"\7\x08"]
    assert table["image_code"].null_count == 0
    codes, found = codes_of(table.slice(1, 2), "text")
    assert (codes.dtype, codes.tolist(), found.tolist()) == (np.uint8, [[0, 0], [5, 6]], [False, True])
    codes, found = codes_of(table.slice(2), "image")
    assert (codes.tolist(), found.tolist()) == ([[5, 6], [7, 8]], [True, True])
    codes, found = codes_of(items_schema(10).empty_table(), "image")
    assert (codes.shape, found.shape) == ((0, 2), (0,))
    assert code_column(packed, np.ones(4, bool)).null_count == 0


def test_all_that_hinders_storing_is_named() -> None:
    """Of 10 bits 6 are left in the second byte: 0x40 is the tenth, 0x20 the first that belongs to none."""
    columns = {
        "row": [4, 4, -1, None],
        "id": ["a", None, "b", "b"],
        "image": [""] * 4,
        "caption": [""] * 4,
        "labels": [None] * 4,
        "pair_row": [-1] * 4,
        "picture": [None] * 4,
        "image_code": [b"\0\x40", b"\0\x20", b"\0\x01", b"\0\0"],
        "text_code": [b"\0\0", None, b"\0\x3f", None],
    }
    items = pa.table(columns, items_schema(10))
    with pytest.raises(CrosshashError) as caught:
        check_items(items, 10, "there")
    assert str(caught.value).splitlines() == [
        "there: these items cannot be stored:",
        "  - row 4.0 stands twice",
        "  - row -1.0 is below 0",
        "  - row is empty in a row",
        "  - id is empty in a row",
        "  - id 'b' stands twice",
        "  - the image code of row 4.0 has bits set after bit 10",
        "  - the text code of row -1.0 has bits set after bit 10",
    ]
    check_items(items.slice(0, 1), 10, "there")


def test_ids_that_differ_in_a_last_zero_are_two() -> None:
    items = items_of(three()).set_column(1, "id", pa.array(["a", "a\0", "b"]))
    check_items(items, 10, "there")


@pytest.mark.parametrize("bits", [8, 16])
def test_codes_that_fill_their_bytes_may_be_any(bits: int) -> None:
    check_items(items_of(code_set("q", [[1] * bits], [[1] * bits], [[1]])), bits, "there")


def test_other_columns_and_widths_are_refused() -> None:
    """10 and 16 bits take two bytes, 17 three."""
    items = items_of(three())
    with pytest.raises(CrosshashError) as caught:
        check_items(items, 17, "there")
    assert "there: takes items with codes of 17 bits in 3 bytes" in str(caught.value)
    assert f"these have {items.schema.names} and codes of type fixed_size_binary[2]." in str(caught.value)
    with pytest.raises(CrosshashError, match="and codes of type none"):
        check_items(items.drop_columns(["image_code"]), 10, "there")


def test_files_that_are_no_items_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    items = items_of(three())

    def refused() -> str:
        with pytest.raises(CrosshashError) as caught:
            read_items(path)
        assert str(path) in str(caught.value)
        return str(caught.value)

    assert "not found" in refused()
    write_parquet(path, items.schema, [items])
    assert "holds no codes of this version" in refused()
    write_items(path, items, Head(10, items=4))
    assert "holds 3 items, its head names 4. Write it again with `crosshash export`." in refused()
    write_items(path, items, Head(9, items=3))
    assert "has bits set after bit 9" in refused()
    path.write_bytes(path.read_bytes()[:-9])
    assert "Write it again with `crosshash export`." in refused()


def test_a_head_as_stores_keep_it() -> None:
    head = Head(10, "made by", "asymmetric", 3, "large", pictures=True)
    told = json.loads(head.text())
    assert told == {
        "crosshash": 1, "bits": 10, "encoder": "made by", "distance": "asymmetric", "items": 3,
        "kind": "large", "pictures": True, "bit_order": "the first bit is the highest of the first byte",
        "one": "+1, zero included",
    }  # fmt: skip
    assert Head.read(head.text(), "there") == head
    assert Head.read(Head(1).text(), "there") == Head(1, "", "hamming", 0, "flat", pictures=False)
    for change in ({"crosshash": 2}, {"distance": "other"}, {"bits": 0}, {"bits": None}):
        with pytest.raises(
            CrosshashError, match=r"^there: holds no codes of this version of crosshash\. Write"
        ):
            Head.read(json.dumps(told | change), "there")
    del told["kind"]
    for text in (None, "", "{", "[]", json.dumps(told)):
        with pytest.raises(CrosshashError, match=r"^there: holds no codes"):
            Head.read(text, "there")
