from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosshash.errors import CrosshashError
from crosshash.search.items import Hit, ItemTable

NAMES = st.sampled_from(["cat", "dog", "owl", "a;b"])


def table_of(labels: list[list[str] | None]) -> ItemTable:
    """Items i0, i1, ...; None is one that was removed."""
    ids = [None if names is None else f"i{row}" for row, names in enumerate(labels)]
    return ItemTable(
        pa.table(
            {
                "id": pa.array(ids, pa.string()),
                "row": pa.array(range(len(labels)), pa.int64()),
                "image": pa.array([""] * len(labels), pa.string()),
                "caption": pa.array(["text"] * len(labels), pa.string()),
                "labels": pa.array(labels, pa.list_(pa.string())),
            }
        )
    )


@given(
    st.lists(st.none() | st.lists(NAMES, unique=True, max_size=3), max_size=8), st.lists(NAMES, max_size=3)
)
def test_rows_with_any_of_the_labels(labels: list[list[str] | None], wanted: list[str]) -> None:
    table = table_of(labels)
    there = {name for names in labels for name in names or ()}
    assert table.labels == sorted(there)
    if not wanted or set(wanted) - there:
        wanted = [name for name in wanted if name not in there]
        if wanted:
            with pytest.raises(CrosshashError, match="no item has the label"):
                table.rows_with(wanted)
        return
    rows = [row for row, names in enumerate(labels) if set(names or ()) & set(wanted)]
    assert table.rows_with(wanted).tolist() == rows


def test_removed_items_are_not_found_by_id() -> None:
    table = table_of([["cat"], None, ["dog"]])
    assert [table.row_of(item) for item in ("i0", "i1", "i2")] == [0, None, 2]
    assert table.ids_near("i22") == ["i2"]
    assert len(table) == 3


def test_a_hit_without_score_says_none() -> None:
    table = table_of([["cat"], ["dog"]])
    rows, distances = np.array([1, 0]), np.array([3, 4], np.int32)
    assert table.hits(rows, distances, np.array([0.5, np.nan], np.float32)) == [
        Hit("i1", 3, "", "text", ("dog",), 0.5),
        Hit("i0", 4, "", "text", ("cat",), None),
    ]


def test_labels_and_ids_are_found_in_any_spelling() -> None:
    table = table_of([["café"], ["red wine"], ["Café "]])
    decomposed = unicodedata.normalize("NFD", "café")
    assert table.rows_with([decomposed, "red\N{NO-BREAK SPACE}wine"]).tolist() == [0, 1]
    assert table.rows_with(["Café "]).tolist() == [2]  # as it stands in the index
    table = ItemTable(
        table.table.set_column(0, "id", pa.array(["é.jpg", unicodedata.normalize("NFD", "ü"), "c"]))
    )
    assert table.row_of(unicodedata.normalize("NFD", "é.jpg")) == 0
    assert table.row_of(unicodedata.normalize("NFD", "ü")) == 1
    assert table.row_of("x") is None
