"""Stores by their addresses: postgresql://..., lance:FOLDER, codes.parquet, codes.npz, a folder."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Literal

import pyarrow as pa

from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.item_codes import Head
from crosshash.stores.contract import STATISTICS, Backend, Store

Name = Literal["parquet", "numpy", "faiss", "usearch", "lancedb", "pgvector"]
MODULES: dict[Name, str] = {
    "parquet": "parquet_file",
    "numpy": "numpy_file",
    "faiss": "faiss_folder",
    "usearch": "usearch_folder",
    "lancedb": "lance",
    "pgvector": "pgvector",
}
"""File of each store in this room, imported when it is used."""
PREFIXES: dict[str, Name] = {"lance:": "lancedb", "usearch:": "usearch", "faiss:": "faiss"}
SUFFIXES: dict[str, Name] = {".parquet": "parquet", ".npz": "numpy"}
ASKED = ("lancedb", "pgvector")
"""Databases: nothing of them is held, so that what others change there is seen at once."""
POSTGRES = ("postgresql://", "postgres://")
"""How libpq's addresses begin."""


def load(address: str) -> Store:
    """Open the store at an address; a folder without a prefix is one of FAISS files.

    Raises:
        CrosshashError: as `Backend.load`.
    """
    name, place = named(address)
    return _backend(name).load(place)


def build(name: Name, place: str, items: pa.Table, head: Head, over: bool = False) -> Store:
    """Write items to a new store; `over`: in place of one that is there.

    Raises:
        CrosshashError: as `Backend.build`.
    """
    pictures = "picture" in items.column_names and items["picture"].null_count < len(items)
    store = _backend(name).build(place, items, replace(head, pictures=pictures), over)
    store.save()
    return store


def named(address: str) -> tuple[Name, str]:
    """Take an address apart: which store, and its place.

    Raises:
        CrosshashError: it is none of these.
    """
    if address.startswith(POSTGRES):
        return "pgvector", address
    for prefix, name in PREFIXES.items():
        if address.startswith(prefix):
            return name, address.removeprefix(prefix)
    path = Path(address)
    if path.suffix in SUFFIXES:
        return SUFFIXES[path.suffix], address
    if (path / STATISTICS).is_file():
        return "faiss", address
    raise CrosshashError(
        f"{address}: is no store. Give postgresql://USER@HOST/DATABASE, lance:FOLDER, usearch:FOLDER, a "
        ".parquet or .npz file, or a folder of FAISS files (docs/stores.md)."
    )


def files_of(address: str) -> list[Path]:
    """List what a store is read from as a whole when it is opened; nothing of databases, which are asked."""
    try:
        name, place = named(address)
    except CrosshashError:  # a folder that is away, perhaps for a moment: who opens it says so
        return [Path(address)]
    return [] if name in ASKED else [Path(place)]


def _backend(name: Name) -> Backend:
    module: Backend = import_module(f"crosshash.stores.{MODULES[name]}")
    return module
