"""The files of a collection's index, written from those of the index before and what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crosshash.artifacts import atomic_path, write_json, write_npz
from crosshash.collection.new_items import NewCodes, Ready
from crosshash.index.code_index import CodeIndex
from crosshash.index.exact import Codes
from crosshash.index.large.build import change
from crosshash.index.large.large_index import LargeIndex, large_folder
from crosshash.parquet import in_groups, write_parquet
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.search.index_folder import (
    BASE,
    INDEX,
    ITEMS,
    QUANTISER,
    STATISTICS,
    IndexFolder,
    Quantiser,
)
from crosshash.search.items import CONTENT, PICTURE, ItemTable

Rows = NDArray[np.int64]


def with_items(items: ItemTable, ready: Sequence[Ready]) -> tuple[ItemTable, Rows]:
    """Give the table with new items, and the row int64[N] of each: its own where the id was there."""
    old = _with_own_columns(items.table)
    found = [items.row_of(one.addition.id) for one in ready]
    rows = np.arange(len(items), len(items) + len(ready), dtype=np.int64)
    rows -= np.cumsum([row is not None for row in found])  # new items take the next places, without gaps
    rows = np.array([new if row is None else row for row, new in zip(found, rows, strict=True)], np.int64)
    told = [
        {
            "id": one.addition.id,
            "row": -1,
            "image": one.addition.id if one.picture else "",
            "caption": next(iter(one.addition.captions), ""),
            "labels": list(one.addition.labels),
            PICTURE: one.picture,
            CONTENT: one.content,
        }
        for one in ready
    ]
    order = np.arange(max(len(items), int(rows.max(initial=-1)) + 1))
    order[rows] = len(items) + np.arange(len(ready))
    both = pa.concat_tables([old, pa.Table.from_pylist(told, schema=old.schema)])
    return ItemTable(both.take(pa.array(order))), rows


def without_items(items: ItemTable, rows: Rows) -> ItemTable:
    """Give the table with nothing but nulls at some rows: the other items keep their row numbers."""
    old = _with_own_columns(items.table)
    nothing = pa.table({field.name: pa.nulls(1, field.type) for field in old.schema}, schema=old.schema)
    order = np.arange(len(items))
    order[rows] = len(items)
    return ItemTable(pa.concat_tables([old, nothing]).take(pa.array(order)))


def write_grown(
    collection: Path, before: IndexFolder, items: ItemTable, rows: Rows, codes: NewCodes | None
) -> dict[Modality, int]:
    """Write the index of a collection in place of the one before, all files or none, and onto the disk.

    before: not mapped; its codes are changed, not those that stand in its folder by now. rows: int64[N] of
    the items that changed; codes: of these items, None where they were removed. Gives how many items it now
    has, by modality.
    """
    counts: dict[Modality, int] = {}
    with atomic_path(collection / INDEX, durable=True) as folder:
        folder.mkdir()
        statistics = {key: value for key, value in before.statistics.items() if key != "search"}
        statistics.setdefault(BASE, before.digest)
        for modality in MODALITIES:
            index = before.codes[modality]
            has = slice(0) if codes is None else codes.has[modality]
            packed = np.zeros_like(index.packed[:0]) if codes is None else codes.packed[modality][has]
            counts[modality] = _grow(index, folder, modality, packed, rows[has], rows)
            statistics[modality] = {"items": counts[modality]}
        if before.quantiser is not None:
            words = _grown_words(before.quantiser, len(items), rows, codes)
            write_npz(folder / QUANTISER, {"codebook": before.quantiser.codebook, **words})
        write_parquet(folder / ITEMS, items.table.schema, in_groups(items.table))
        write_json(folder / STATISTICS, statistics)
    return counts


def _grow(
    index: CodeIndex | LargeIndex, folder: Path, modality: Modality, packed: Codes, rows: Rows, changed: Rows
) -> int:
    """Write the codes of a modality without the changed rows, with new ones; gives how many there are."""
    if isinstance(index, LargeIndex):
        order = np.argsort(rows)
        target = large_folder(folder, modality)
        return len(change(index, target, packed[order], rows[order], index.known(changed)))
    index.remove(np.intersect1d(changed, index.rows))
    if len(rows):
        index.add(packed, rows)
    index.save(folder / f"{modality}.faiss")
    return len(index)


def _grown_words(
    before: Quantiser, count: int, rows: Rows, codes: NewCodes | None
) -> dict[str, NDArray[Any]]:
    """Give the words uint[count, M] of all items by modality."""
    grown: dict[str, NDArray[Any]] = {}
    for modality in MODALITIES:
        old = before.words[modality]
        grown[modality] = np.zeros((count, old.shape[1]), old.dtype)
        grown[modality][: len(old)] = old
        grown[modality][rows] = 0 if codes is None or codes.words is None else codes.words[modality]
    return grown


def _with_own_columns(table: pa.Table) -> pa.Table:
    for name in (PICTURE, CONTENT):
        if name not in table.column_names:
            table = table.append_column(name, pa.array([""] * table.num_rows, pa.string()))
    return table
