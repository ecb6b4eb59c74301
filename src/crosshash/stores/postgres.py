"""Connections to PostgreSQL: one per thread, opened when needed, and anew after the server went away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from crosshash.errors import CrosshashError
from crosshash.stores.contract import StoreError

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

A = TypeVar("A")
SECONDS = 5
"""To connect within, unless the address says otherwise."""
AT_ONCE = 50_000
"""Rows that are fetched or sent at a time."""


@dataclass(frozen=True)
class Bits:
    """A bit string: its length, and ceil(length / 8) bytes, first bit highest, as it goes over the wire."""

    length: int
    content: bytes


@dataclass
class Server:
    """A database by its address (libpq's URI); `name`: how messages call it, without a password."""

    address: str
    name: str
    _own: threading.local = field(default_factory=threading.local, repr=False)
    _all: list[Any] = field(default_factory=list, repr=False)

    def ask(self, work: Callable[[psycopg.Connection[Any]], A], again: bool = True) -> A:
        """Work in a transaction; `again`: a second time on a new connection where the old one was broken.

        Raises:
            StoreError: the server does not answer, or refuses.
        """
        psycopg = _psycopg()
        while True:
            kept = getattr(self._own, "connection", None)
            try:
                connection = self._connected() if kept is None else kept
                with connection.transaction():
                    return work(connection)
            except psycopg.Error as error:
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                gone = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
                if gone and (kept is None or kept.closed):
                    self._drop()
                    if kept is not None and again:
                        continue
                raise StoreError(
                    f"{self.name}: PostgreSQL cannot do it, or is not there ({reason})."
                ) from error

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._all:
            connection.close()

    def _connected(self) -> psycopg.Connection[Any]:
        psycopg = _psycopg()
        given = psycopg.conninfo.conninfo_to_dict(self.address)
        settings = {"connect_timeout": SECONDS, "application_name": "crosshash"} | given
        connection = psycopg.connect(**settings, autocommit=True)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # several queries, one state
        connection.adapters.register_dumper(Bits, _bit_dumper())
        self._own.connection = connection
        self._all.append(connection)
        return connection  # type: ignore[no-any-return]

    def _drop(self) -> None:
        connection = getattr(self._own, "connection", None)
        if connection is not None:
            connection.close()
            self._all.remove(connection)
            self._own.connection = None


def server(address: str, table: str) -> Server:
    """Make a server of an address, without connecting.

    Raises:
        CrosshashError: it is none.
    """
    psycopg = _psycopg()
    try:
        told = psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.Error as error:
        reason = str(error).splitlines()[0]
        raise CrosshashError(
            f"this is no address of PostgreSQL ({reason}): postgresql://USER@HOST/DATABASE."
        ) from None
    host = told.get("host") or told.get("hostaddr") or ""
    return Server(address, f"postgresql://{host}/{told.get('dbname', '')}#{table}")


def _psycopg() -> Any:  # noqa: ANN401 - loaded where it is used
    try:
        import psycopg
        import psycopg.conninfo
    except ImportError:
        raise CrosshashError("psycopg is not installed: pip install 'crosshash[pgvector]'.") from None
    return psycopg


def _bit_dumper() -> Any:  # noqa: ANN401
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    class BitDumper(Dumper):
        format = Format.BINARY
        oid = 1560  # of the type bit, the same in every server

        def dump(self, obj: Bits) -> bytes:
            return obj.length.to_bytes(4, "big") + obj.content

    return BitDumper


def quoted(connection: psycopg.Connection[Any], table: str) -> str:
    """Write the name of a table as SQL."""
    from psycopg import sql

    return sql.Identifier(*table.split(".")).as_string(connection)


def batches(
    connection: psycopg.Connection[Any], text: sql.Composed, values: tuple[object, ...], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Fetch rows piece by piece; a bit string comes behind its length of four bytes."""
    with connection.cursor("crosshash", binary=True) as cursor:
        cursor.execute(text, values)
        while rows := cursor.fetchmany(AT_ONCE):
            *plain, image, caption = zip(*rows, strict=True)
            codes = [[code and code[4:] for code in column] for column in (image, caption)]
            arrays = [pa.array(one, field.type) for one, field in zip([*plain, *codes], schema, strict=True)]
            yield pa.record_batch(arrays, schema=schema)


def raw(text: str) -> sql.SQL:
    """Take text of this project as SQL."""
    from psycopg import sql

    return sql.SQL(text)
