"""Segments: changes of an index beside its files, each a parquet file, so that few items write little.

A segment is named by the numbers of the first and the last change in it (`00000001-00000003.parquet`). One
that holds the changes of others takes their place: they no longer count, whether they are deleted yet or
not. So each moment of a write leaves a whole index: the one before, or the one with the change.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crosshash.errors import CrosshashError
from crosshash.parquet import read_parquet
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality

SEGMENTS = "segments"
PLACE = "place"
"""Column: the row number of the item in the table of all items; rising, none twice."""

Codes = NDArray[np.uint8]
Rows = NDArray[np.int64]

NAME = re.compile(r"(\d{8})-(\d{8})\.parquet")
REMEDY = "Delete the collection and run `crosshash encode` with its folders again."


@dataclass(frozen=True)
class Changes:
    """Items that are new, other ones or gone: what the table of items now has at M places.

    table: column `place`, those of `items.parquet`, and by modality `<modality>_code` binary, null where
    there is none, and `<modality>_words` list[int64], null where the method does not quantise.
    """

    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def places(self) -> Rows:
        """Row numbers int64[M], rising."""
        found: Rows = self.table[PLACE].to_numpy()
        return found

    @property
    def items(self) -> pa.Table:
        """The columns of the table of items; all null where an item is gone."""
        own = [PLACE, *(f"{one}_{kind}" for one in MODALITIES for kind in ("code", "words"))]
        return self.table.drop_columns(own)

    def applied(self, table: pa.Table) -> pa.Table:
        """Give a table of items with the changes, in one chunk."""
        for field in self.items.schema:
            if field.name not in table.column_names:
                table = table.append_column(field.name, pa.nulls(len(table), field.type))
        own = self.items.select(table.column_names).cast(table.schema)
        first = min(len(table), int(self.places.min(initial=len(table))))  # what stands before it stays
        left = len(table) - first
        order = np.arange(max(left, int(self.places.max(initial=-1)) + 1 - first))
        order[self.places - first] = left + np.arange(len(self))
        changed = pa.concat_tables([table.slice(first), own]).take(pa.array(order))
        return pa.concat_tables([table.slice(0, first), changed]).combine_chunks()

    def codes(self, modality: Modality, width: int) -> tuple[Codes, Rows]:
        """Give the codes uint8[n, W] of those that have one, and their rows int64[n]."""
        column = self.table[f"{modality}_code"]
        there = column.is_valid().to_numpy()
        packed = np.frombuffer(b"".join(column.drop_null().to_pylist()), np.uint8)
        return packed.reshape(-1, width), self.places[there]

    def words(self, modality: Modality, count: int) -> NDArray[np.int64]:
        """Give the words int64[M, count]; zeros where there are none."""
        found = np.zeros((len(self), count), np.int64)
        for row, words in enumerate(self.table[f"{modality}_words"].to_pylist()):
            if words is not None:
                found[row] = words
        return found


def changes_of(
    places: Rows,
    items: pa.Table,
    packed: dict[Modality, Codes] | None,
    has: dict[Modality, NDArray[np.bool_]] | None,
    words: dict[Modality, NDArray[np.int64]] | None,
) -> Changes:
    """Put together items at places int64[M], in any order; codes uint8[M, W] count where `has` bool[M].

    packed: None where all of them are gone; words: int64[M, w] of methods that quantise.
    """
    columns: dict[str, Any] = {name: items[name] for name in items.column_names}
    for one in MODALITIES:
        codes: list[bytes | None] = [None] * len(places)
        if packed is not None and has is not None:
            codes = [
                code.tobytes() if there else None for code, there in zip(packed[one], has[one], strict=True)
            ]
        told = [None] * len(places) if words is None else words[one].tolist()
        columns[f"{one}_code"] = pa.array(codes, pa.binary())
        columns[f"{one}_words"] = pa.array(told, pa.list_(pa.int64()))
    table = pa.table({PLACE: pa.array(places, pa.int64()), **columns})
    return Changes(table.take(pa.array(np.argsort(places))))


def merged(parts: Sequence[Changes]) -> Changes:
    """Put changes into one, of which the last at a place counts."""
    table = pa.concat_tables([part.table for part in parts]).combine_chunks()
    places = table[PLACE].to_numpy()
    _, last = np.unique(places[::-1], return_index=True)
    return Changes(table.take(pa.array(len(places) - 1 - last)))


def numbers_of(path: Path) -> tuple[int, int]:
    """Read the numbers of the first and the last change out of a segment's name."""
    first, last = path.stem.split("-")
    return int(first), int(last)


def segment_paths(index: Path) -> list[Path]:
    """List the segments of an index's folder that count, in their order.

    Raises:
        CrosshashError: one between them is missing.
    """
    folder = index / SEGMENTS
    found = [path for path in folder.iterdir() if NAME.fullmatch(path.name)] if folder.is_dir() else []
    counting: list[Path] = []
    end = 0
    for path in sorted(found, key=lambda path: (numbers_of(path)[0], -numbers_of(path)[1])):
        first, last = numbers_of(path)
        if last <= end:  # held by one that counts
            continue
        if first != end + 1:
            raise CrosshashError(f"{folder}: changes {end + 1} to {first - 1} are missing. {REMEDY}")
        counting.append(path)
        end = last
    return counting


def read_changes(index: Path) -> Changes | None:
    """Read all segments of an index's folder as one; None where there are none.

    Raises:
        CrosshashError: one is missing, cut, differs from its checksum, or lacks a column.
    """
    parts = [read_segment(path) for path in segment_paths(index)]
    return merged(parts) if parts else None


def read_segment(path: Path) -> Changes:
    """Read one segment.

    Raises:
        CrosshashError: it is missing, cut, differs from its checksum, or lacks a column.
    """
    table = read_parquet(path, remedy=REMEDY)
    wanted = [PLACE, "id", *(f"{one}_{kind}" for one in MODALITIES for kind in ("code", "words"))]
    absent = [name for name in wanted if name not in table.column_names]
    if absent:
        raise CrosshashError(f"{path}: no column {', '.join(absent)}. {REMEDY}")
    return Changes(table.combine_chunks())
