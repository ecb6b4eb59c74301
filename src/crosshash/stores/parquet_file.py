"""A parquet file of items: read by anything, searched in memory."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from crosshash.artifacts import missing
from crosshash.retrieval.codefiles.item_codes import Head, read_items, write_items
from crosshash.stores.contract import EXPORT, check_free, check_kind
from crosshash.stores.in_memory import InMemory, in_memory

KINDS = ("flat",)


def build(place: str, items: pa.Table, head: Head, over: bool = False) -> InMemory:
    """Hold items, to be saved to a file; see `Backend`."""
    check_kind(place, head.kind, KINDS)
    check_free(place, Path(place), over)
    return in_memory(place, items, head, _write)


def load(place: str) -> InMemory:
    """Read a file; see `Backend`."""
    if not Path(place).is_file():
        raise missing(Path(place), EXPORT)
    return in_memory(place, *read_items(Path(place)), _write)


def _write(store: InMemory) -> None:
    write_items(Path(store.place), store.table, store.head)
