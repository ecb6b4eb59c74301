"""Items and codes held in memory: what the stores that are files have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crosshash.errors import CrosshashError
from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.checks import check_top
from crosshash.index.code_index import CodeIndex
from crosshash.index.exact import Codes, Found, Rows
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.retrieval.codefiles.item_codes import Head, check_items, codes_of
from crosshash.stores.contract import Keep, in_order, refused_items, refused_rows
from crosshash.stores.reordered import Candidates, reordered
from crosshash.workers.lock import locked


class Index(Protocol):
    """Codes of one modality, as `CodeIndex` holds them."""

    def __len__(self) -> int: ...

    def search(self, queries: Codes, top: int, keep: Rows | None = None) -> Found:
        """Find the nearest items."""
        ...

    def add(self, packed: Codes, rows: Rows) -> None:
        """Take in more codes."""
        ...

    def remove(self, rows: Rows) -> None:
        """Drop items."""
        ...


@dataclass
class InMemory:
    """Items by rising row, an index per modality, and how both are written to their place."""

    place: str
    head: Head
    table: pa.Table
    indexes: dict[Modality, Index]
    write: Callable[[InMemory], None]
    seen: tuple[int, int] | None

    def save(self) -> None:
        """Write all of it, in place of what it was read from.

        Raises:
            CrosshashError: another has written there meanwhile.
        """
        path = Path(self.place)
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(f".{path.name}.lock"), f"{path}: waiting for another writer"):
            if _state(path) != self.seen:
                raise CrosshashError(
                    f"{path}: another has written it meanwhile. Load it, and change it again."
                )
            self.write(self)
            self.seen = _state(path)

    def close(self) -> None:
        """Nothing is held open."""

    def count(self, answers: Modality) -> int:
        """How many items have a code of a modality."""
        return len(self.indexes[answers])

    def add(self, items: pa.Table) -> None:
        """Take in more items."""
        check_items(items, self.head.bits, self.place)
        for name in ("row", "id"):
            known = pc.is_in(items[name], value_set=self.table[name].combine_chunks())
            if pc.any(known).as_py():
                first = items[name].filter(known)[0].as_py()
                raise refused_items(self.place, f"{name} {first} is there already")
        for modality, index in self.indexes.items():
            packed, there = codes_of(items, modality)
            index.add(packed[there], items["row"].to_numpy()[there])
        self._now(pa.concat_tables([self.table, items]))

    def remove(self, rows: Rows) -> None:
        """Drop items."""
        known = self.table["row"].to_numpy()
        strange = rows[~np.isin(rows, known)]
        if len(strange):
            raise refused_rows(self.place, strange)
        gone = np.isin(known, rows)
        for modality, index in self.indexes.items():
            _, there = codes_of(self.table, modality)
            index.remove(known[gone & there])
        self._now(self.table.filter(pa.array(~gone)))

    def search(self, answers: Modality, queries: Codes, top: int, keep: Keep | None = None) -> Found:
        """Find the nearest items."""
        return self.indexes[answers].search(queries, top, self._rows(keep))

    def search_real(self, answers: Modality, queries: Reals, top: int, keep: Keep | None = None) -> Scored:
        """Find the items of the highest inner product; exactly where the index is one of this project."""
        index = self.indexes[answers]
        if isinstance(index, CodeIndex):
            return index.search_real(queries, top, self._rows(keep))
        rows = self._rows(keep)
        known, (packed, _) = self.table["row"].to_numpy(), codes_of(self.table, answers)

        def candidates(code: Codes, wanted: int) -> Candidates:
            (found,), (distances,) = index.search(code[None], wanted, rows)
            return found, distances, packed[np.searchsorted(known, found)]

        check_top(len(index), top)
        return reordered(candidates, self.head.bits, queries, top)

    def items(self, rows: Rows | None = None) -> pa.Table:
        """Give all items, or those of some rows."""
        return self.table if rows is None else in_order(self.table, rows, self.place)

    def row_of(self, item: str) -> int | None:
        """Find the row of an id."""
        place = pc.index(self.table["id"], item).as_py()
        return None if place < 0 else int(self.table["row"][place].as_py())

    def labels(self) -> list[str]:
        """List all labels, sorted."""
        return sorted(pc.list_flatten(self.table["labels"]).unique().to_pylist())

    def _rows(self, keep: Keep | None) -> Rows | None:
        """Give the rows that have any of some labels."""
        if not isinstance(keep, tuple):
            return keep
        lists = self.table["labels"].combine_chunks()
        wanted = pc.is_in(pc.list_flatten(lists), value_set=pa.array(keep, pa.string()))
        places = np.unique(pc.list_parent_indices(lists).filter(wanted).to_numpy())
        return np.asarray(self.table["row"].to_numpy()[places])

    def _now(self, items: pa.Table) -> None:
        self.table = items.sort_by("row").combine_chunks()
        self.head = replace(self.head, items=len(items))


def in_memory(
    place: str,
    items: pa.Table,
    head: Head,
    write: Callable[[InMemory], None],
    make: Callable[[Codes, Rows], Index] = CodeIndex.build,
) -> InMemory:
    """Hold items; `make` indexes codes uint8[N, W] under their rows int64[N], rising.

    Raises:
        CrosshashError: items do not fit the head.
    """
    check_items(items, head.bits, place)
    items = items.sort_by("row").combine_chunks()
    rows = items["row"].to_numpy()
    indexes: dict[Modality, Index] = {}
    for modality in MODALITIES:
        packed, there = codes_of(items, modality)
        indexes[modality] = make(packed[there], rows[there])
    return InMemory(place, replace(head, items=len(items)), items, indexes, write, _state(Path(place)))


def _state(path: Path) -> tuple[int, int] | None:
    """Tell states of a file or folder apart that is replaced as a whole."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns
