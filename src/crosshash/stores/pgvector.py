"""PostgreSQL with pgvector: codes as bit strings in a table, whose comment is the head.

Addresses are libpq's, with a table (or schema.table) after a `#`: postgresql://user@host/database#photos.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import MODALITIES
from crosshash.retrieval.codefiles.item_codes import REMEDY, Head, check_items
from crosshash.stores.contract import check_count, check_kind
from crosshash.stores.postgres import Server, quoted, server
from crosshash.stores.postgres_table import COLUMNS, PostgresTable, head_of

if TYPE_CHECKING:
    import psycopg

KINDS = ("flat", "hnsw")
TABLE = "crosshash"
NEEDED = (0, 7)
"""Version of pgvector that knows distances of bits."""


def build(place: str, items: pa.Table, head: Head, over: bool = False) -> PostgresTable:
    """Write a table; `head.kind`: flat, or hnsw; see `Backend`."""
    at, table = _at(place)
    check_kind(at.name, head.kind, KINDS)
    check_items(items, head.bits, at.name)
    store = PostgresTable(at, table, replace(head, items=len(items)))

    def create(connection: psycopg.Connection[Any]) -> None:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        _check_version(connection, at.name)
        store.create(connection, items.sort_by("row"), over)

    at.ask(create, again=False)
    return store


def load(place: str) -> PostgresTable:
    """Open a table; see `Backend`."""
    at, table = _at(place)
    return at.ask(lambda connection: _loaded(connection, at, table))


def _at(place: str) -> tuple[Server, str]:
    """Take an address apart."""
    address, _, table = place.partition("#")
    table = table or TABLE
    return server(address, table), table


def _loaded(connection: psycopg.Connection[Any], at: Server, table: str) -> PostgresTable:
    """Look at a table, and whether it is what its head says.

    Raises:
        CrosshashError: it is not there, or other than its head says.
    """
    head = head_of(connection, table, at.name)
    _check_version(connection, at.name)
    _check_columns(connection, at.name, table, head)
    kind = "hnsw" if _graphs(connection, table) == len(MODALITIES) else "flat"
    store = PostgresTable(at, table, replace(head, kind=kind))
    check_count(at.name, head, store.size(connection))
    return store


def _check_columns(connection: psycopg.Connection[Any], place: str, table: str, head: Head) -> None:
    found = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        (quoted(connection, table),),
    )
    types = dict(found.fetchall())
    for name in (f"{modality}_code" for modality in MODALITIES):
        kind = types.get(name, "not there")
        if kind != f"bit({head.bits})":
            raise CrosshashError(f"{place}: {name} is {kind}, its head says bit({head.bits}). {REMEDY}")
    absent = [name for name in COLUMNS if name not in types]
    if absent:
        raise CrosshashError(f"{place}: has no column {', '.join(absent)}. {REMEDY}")


def _graphs(connection: psycopg.Connection[Any], table: str) -> int:
    """Count the columns that a valid hnsw index of Hamming distance stands over; others are not taken."""
    found = connection.execute(
        "SELECT count(DISTINCT indkey::text) FROM pg_index JOIN pg_opclass ON pg_opclass.oid = indclass[0] "
        "JOIN pg_am ON pg_am.oid = opcmethod WHERE indrelid = to_regclass(%s) AND indisvalid "
        "AND indpred IS NULL AND opcname = 'bit_hamming_ops' AND amname = 'hnsw'",
        (quoted(connection, table),),
    ).fetchone()
    return int(found[0]) if found else 0


def _check_version(connection: psycopg.Connection[Any], place: str) -> None:
    found = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    version = tuple(map(int, found[0].split(".")[:2])) if found else (0,)
    if version < NEEDED:
        raise CrosshashError(
            f"{place}: has pgvector {found[0] if found else 'not at all'}; bits need 0.7 or newer: "
            "ALTER EXTENSION vector UPDATE."
        )
