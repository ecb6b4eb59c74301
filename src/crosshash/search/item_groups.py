"""Items of large collections: read from parquet a row group at a time, or nothing but numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crosshash.artifacts import altered
from crosshash.checksums import AlteredError, check
from crosshash.errors import CrosshashError
from crosshash.formats.spelling import composed
from crosshash.search.items import (
    COLUMNS,
    HIT,
    PICTURE,
    Hit,
    ItemTable,
    hits_of,
    read_items_table,
    wanted_labels,
)

REMEDY = "Delete it and run `dvc repro index`."


class Items(Protocol):
    """What is known of the items of an index, whatever holds it; as of `ItemTable`."""

    def __len__(self) -> int: ...

    def hits(
        self, rows: NDArray[np.int64], distances: NDArray[np.int32] | None, scores: NDArray[np.float32]
    ) -> list[Hit]:
        """Describe found rows."""

    def row_of(self, item: str) -> int | None:
        """Find an item's row number."""

    def known(self, row: int) -> dict[str, Any]:
        """Give all that is known of an item."""

    def rows_with(self, labels: str | Sequence[str]) -> NDArray[np.int64]:
        """Give the rows of the items that have any of the labels."""

    @property
    def labels(self) -> list[str]:
        """All labels, sorted."""

    @property
    def keeps_pictures(self) -> bool:
        """Say whether items may have pictures of their own."""

    def whole(self) -> ItemTable:
        """Read all of it into memory."""


@dataclass(frozen=True)
class GroupedItems:
    """A parquet file of many row groups; nothing of it is held but its footer."""

    path: Path
    file: Any
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        return int(self.file.metadata.num_rows)

    def hits(
        self, rows: NDArray[np.int64], distances: NDArray[np.int32] | None, scores: NDArray[np.float32]
    ) -> list[Hit]:
        """Describe found rows int64[T], with their distances and scores float32[T], NaN for none."""
        return hits_of(self._rows(rows, HIT), distances, scores)

    def known(self, row: int) -> dict[str, Any]:
        """Give all columns of an item."""
        (found,) = self._rows(np.array([row]), None).to_pylist()
        return dict(found)

    def row_of(self, item: str) -> int | None:
        """Find an item's row number: in one row group where ids rise, else by going through all of them."""
        row = self._find(item)
        return self._find(composed(item)) if row is None else row

    def rows_with(self, labels: str | Sequence[str]) -> NDArray[np.int64]:
        """Give the rows int64[M] of the items that have any of the labels, or the one label, rising.

        Raises:
            CrosshashError: a label that no item has.
        """
        wanted = wanted_labels(labels, self.labels)
        found = []
        for first, group in self._groups(["labels"]):
            table = ItemTable(group)
            there = [label for label in wanted if label in table.labels]
            found += [first + table.rows_with(there)] if there else []
        return np.concatenate(found)

    @cached_property
    def labels(self) -> list[str]:
        """All labels of the items, sorted; the first time, their column is gone through."""
        found: set[str] = set()
        for _, group in self._groups(["labels"]):
            found.update(pc.unique(pc.list_flatten(group["labels"])).to_pylist())
        return sorted(found)

    @property
    def keeps_pictures(self) -> bool:
        """Say whether items may have pictures of their own."""
        return PICTURE in self.file.schema_arrow.names

    def whole(self) -> ItemTable:
        """Read all of it into memory.

        Raises:
            CrosshashError: the file is missing or damaged by now.
        """
        return read_items_table(self.path)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        counts = [self.file.metadata.row_group(group).num_rows for group in range(self.file.num_row_groups)]
        return np.cumsum([0, *counts])

    @cached_property
    def _ranges(self) -> list[tuple[str, str] | None]:
        """The first and the last id of each row group, in their order; None where it is not known."""
        column = self.file.schema_arrow.names.index("id")
        groups = map(self.file.metadata.row_group, range(self.file.num_row_groups))
        told = [group.column(column).statistics for group in groups]
        return [(one.min, one.max) if one is not None and one.has_min_max else None for one in told]

    def _find(self, item: str) -> int | None:
        for group, ends in enumerate(self._ranges):
            if ends is None or ends[0] <= item <= ends[1]:
                found = pc.index(self._group(group, ["id"])["id"], item).as_py()
                if found >= 0:
                    return int(self._starts[group] + found)
        return None

    def _rows(self, rows: NDArray[np.int64], columns: Sequence[str] | None) -> pa.Table:
        """Read some rows, in their order."""
        groups = np.searchsorted(self._starts, rows, side="right") - 1
        parts, order = [], np.argsort(groups, kind="stable")
        for group in np.unique(groups):
            chosen = rows[order[groups[order] == group]] - self._starts[group]
            parts.append(self._group(int(group), columns).take(pa.array(chosen)))
        back = np.empty(len(rows), np.int64)
        back[order] = np.arange(len(rows))
        if not parts:
            return self.file.schema_arrow.empty_table()
        return pa.concat_tables(parts).combine_chunks().take(pa.array(back))

    def _groups(self, columns: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
        for group, first in enumerate(self._starts[:-1].tolist()):
            yield first, self._group(group, columns)

    def _group(self, group: int, columns: Sequence[str] | None) -> pa.Table:
        with self.lock:  # of pyarrow's readers, each is for one thread at a time
            return self.file.read_row_group(group, columns, use_threads=False)


@dataclass(frozen=True)
class NumberedItems:
    """Items of which nothing is stored: the id of each is its row number."""

    count: int

    def __len__(self) -> int:
        return self.count

    def hits(
        self, rows: NDArray[np.int64], distances: NDArray[np.int32] | None, scores: NDArray[np.float32]
    ) -> list[Hit]:
        """Describe found rows int64[T], with their distances and scores float32[T], NaN for none."""
        told = {"id": [str(row) for row in rows], "image": [""] * len(rows), "caption": [""] * len(rows)}
        labels = pa.array([[]] * len(rows), pa.list_(pa.string()))
        return hits_of(pa.table({**told, "labels": labels}), distances, scores)

    def known(self, row: int) -> dict[str, Any]:
        """Give what is known of an item."""
        return {"id": str(row), "row": -1, "image": "", "caption": "", "labels": []}

    def row_of(self, item: str) -> int | None:
        """Read an item's row number."""
        digits = item.isascii() and item.isdecimal() and len(item) <= len(str(self.count))
        return int(item) if digits and int(item) < self.count and str(int(item)) == item else None

    def rows_with(self, labels: str | Sequence[str]) -> NDArray[np.int64]:
        """Refuse labels: no item has any.

        Raises:
            CrosshashError: always.
        """
        raise CrosshashError("the items of this index have no labels, only numbers.")

    @property
    def labels(self) -> list[str]:
        """None."""
        return []

    @property
    def keeps_pictures(self) -> bool:
        """Say no: nothing is stored."""
        return False

    def whole(self) -> ItemTable:
        """Refuse: there is no table.

        Raises:
            CrosshashError: always.
        """
        raise CrosshashError(
            "the items of this index are numbers, without a table: crosshash.index.large.build changes it."
        )


def read_items(path: Path) -> Items:
    """Read `items.parquet` of an index: a single row group into memory, of many what a search needs.

    Raises:
        CrosshashError: it is missing, cut, differs from its checksum, or lacks a column.
    """
    try:
        file = pq.ParquetFile(path, memory_map=True)
    except (pa.ArrowException, OSError, ValueError):
        return read_items_table(path)  # which says what is wrong with it
    if file.num_row_groups <= 1:
        return read_items_table(path)
    try:
        with path.open("rb") as opened:
            check(opened)
    except AlteredError as error:
        raise altered(path, error, REMEDY) from None
    absent = [name for name in COLUMNS if name not in file.schema_arrow.names]
    if absent:
        raise CrosshashError(f"{path}: no column {', '.join(absent)}. {REMEDY}")
    return GroupedItems(path, file)
