"""What is known of the items of an index: ids, captions, labels, and which of them a search finds."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crosshash.errors import CrosshashError
from crosshash.formats.spelling import as_seen, composed
from crosshash.parquet import read_parquet

COLUMNS = ("id", "row", "image", "caption", "labels")
HIT = ["id", "image", "caption", "labels"]
"""What a hit tells."""
PICTURE, CONTENT = "picture", "content"
CAPTIONS, REMOVED = "captions", "removed"
"""Columns of a collection alone: name of an item's own picture, digest of what the item was made from, all
its captions, and, in a row without an item, the id of the one that was taken out."""


@dataclass(frozen=True)
class Item:
    """An item of the index: its id, first caption, labels, and whether a picture of it can be shown."""

    id: str
    caption: str
    labels: tuple[str, ...]
    has_picture: bool


@dataclass(frozen=True)
class Hit:
    """A found item: id, Hamming distance to the query, path of the picture, first caption, labels.

    distance: None where items are stored as vectors, which have none.
    score: of asymmetric distance, or by which the first candidates were ordered anew, larger is nearer; None
    where the order is that of Hamming distance.
    """

    id: str
    distance: int | None
    image: str
    caption: str
    labels: tuple[str, ...]
    score: float | None = None


@dataclass(frozen=True)
class ItemTable:
    """A row for each row number of the index; a row without id is one that was removed."""

    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def hits(
        self, rows: NDArray[np.int64], distances: NDArray[np.int32] | None, scores: NDArray[np.float32]
    ) -> list[Hit]:
        """Describe found rows int64[T], with their distances and scores float32[T], NaN for none."""
        return hits_of(self.table.select(HIT).take(pa.array(rows)), distances, scores)

    def known(self, row: int) -> dict[str, Any]:
        """Give all columns of an item."""
        (found,) = self.table.slice(row, 1).to_pylist()
        return dict(found)

    def whole(self) -> ItemTable:
        """Give it as it is, all in memory."""
        return self

    @property
    def keeps_pictures(self) -> bool:
        """Say whether items may have pictures of their own."""
        return PICTURE in self.table.column_names

    def row_of(self, item: str) -> int | None:
        """Find an item's row number."""
        row = self._rows.get(item)
        return self._rows.get(composed(item)) if row is None else row

    def rows_of(self, items: Sequence[str]) -> dict[str, int]:
        """Find the row numbers of several items, of those that there are, in one pass over all ids."""
        wanted = list(dict.fromkeys(one for item in items for one in (item, composed(item))))
        numbers = pc.index_in(self.table["id"], value_set=pa.array(wanted, pa.string()))
        rows = np.flatnonzero(numbers.is_valid().to_numpy())
        known = dict(zip(numbers.drop_null().to_pylist(), rows.tolist(), strict=True))
        found = {name: known[number] for number, name in enumerate(wanted) if number in known}
        return {
            item: row for item in items if (row := found.get(item, found.get(composed(item)))) is not None
        }

    def ids_near(self, item: str) -> list[str]:
        """Give ids that look like one that is not there."""
        return difflib.get_close_matches(item, self._rows, n=3)

    def own(self, column: str, rows: Mapping[str, int] | None = None) -> dict[str, str]:
        """Give a column that only a collection has, by id; empty for an index of the run.

        rows: by id, of the items that are asked for; None: all.
        """
        if column not in self.table.column_names:
            return {}
        rows = self._rows if rows is None else rows
        values = self.table[column].take(pa.array(list(rows.values()), pa.int64())).to_pylist()
        return {item: value for item, value in zip(rows, values, strict=True) if value}

    def rows_with(self, labels: str | Sequence[str]) -> NDArray[np.int64]:
        """Give the rows int64[M] of the items that have any of the labels, or the one label, rising.

        Raises:
            CrosshashError: a label that no item has; all of them are named, with those that look like them.
        """
        wanted = wanted_labels(labels, self._labelled)
        return np.unique(np.concatenate([self._labelled[label] for label in wanted]))

    @property
    def labels(self) -> list[str]:
        """All labels of the items, sorted."""
        return sorted(self._labelled)

    @cached_property
    def _rows(self) -> dict[str, int]:
        ids = self.table["id"].to_pylist()
        return {item: row for row, item in enumerate(ids) if item is not None}

    @cached_property
    def _labelled(self) -> dict[str, NDArray[np.int64]]:
        """Rows by label."""
        lists = self.table["labels"].combine_chunks()
        rows = lists.value_parent_indices().to_numpy(zero_copy_only=False)
        encoded = lists.flatten().dictionary_encode()
        order = np.argsort(encoded.indices.to_numpy(zero_copy_only=False), kind="stable")
        sizes = np.bincount(encoded.indices.to_numpy(zero_copy_only=False), minlength=len(encoded.dictionary))
        parts = np.split(rows[order].astype(np.int64), np.cumsum(sizes)[:-1])
        return dict(zip(encoded.dictionary.to_pylist(), parts, strict=False))


def wanted_labels(labels: str | Sequence[str], known: Collection[str]) -> list[str]:
    """Give one or several labels in the spelling that items have.

    Raises:
        CrosshashError: a label that no item has; all of them are named, with those that look like them.
    """
    named = [labels] if isinstance(labels, str) else labels
    wanted = [label if label in known else as_seen(label) for label in named]
    strange = [_strange(label, known) for label in wanted if label not in known]
    if strange:
        raise CrosshashError(f"no item has the label {' or '.join(strange)}.")
    return wanted


def _strange(label: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(label, known, n=3)
    return f"'{label}'" + (f" (did you mean {' or '.join(near)}?)" if near else "")


def hits_of(found: pa.Table, distances: NDArray[np.int32] | None, scores: NDArray[np.float32]) -> list[Hit]:
    """Describe found items, one per row of a table, with their distances and scores float32[T]."""
    told = [None] * len(found) if distances is None else distances.tolist()
    columns = [found[name].to_pylist() for name in HIT]
    return [
        Hit(item, distance, image, caption, tuple(labels), None if math.isnan(score) else score)
        for item, image, caption, labels, distance, score in zip(*columns, told, scores.tolist(), strict=True)
    ]


def read_items_table(path: Path) -> ItemTable:
    """Read `items.parquet` of an index.

    Raises:
        CrosshashError: it is missing, cut, differs from its checksum, or lacks a column.
    """
    table = read_parquet(path, remedy="Delete it and run `dvc repro index`.")
    absent = [name for name in COLUMNS if name not in table.column_names]
    if absent:
        raise CrosshashError(f"{path}: no column {', '.join(absent)}. Run `dvc repro index`.")
    return ItemTable(table.combine_chunks())  # rows are taken from one chunk a thousand times faster
