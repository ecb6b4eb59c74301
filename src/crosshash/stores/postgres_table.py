"""A table of PostgreSQL with codes as bit strings: filled, changed and searched, each in a transaction.

hnsw gives at most `hnsw.ef_search` rows, 40 unless set, and fewer under a filter: both are raised for each
search, and what is still missing is searched exactly, as it is among rows to keep. An exact search orders by
a sum, which no index serves: by the plain distance the planner may take one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from crosshash.errors import CrosshashError
from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.checks import check_queries, check_top
from crosshash.index.exact import Codes, Found, Rows
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.retrieval.codefiles.item_codes import Head, check_items, items_schema
from crosshash.stores.contract import Keep, check_found, in_order, refused_items, refused_rows
from crosshash.stores.postgres import AT_ONCE, Bits, Server, batches, quoted, raw
from crosshash.stores.reordered import Candidates, reordered

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

EF = (100, 1000)
"""hnsw.ef_search at least, and at most, which is pgvector's own limit."""
COLUMNS = {
    "row": ("bigint PRIMARY KEY", "int8"),
    "id": ("text UNIQUE NOT NULL", "text"),
    "image": ("text", "text"),
    "caption": ("text", "text"),
    "labels": ("text[]", "text[]"),
    "pair_row": ("bigint", "int8"),
    "picture": ("text", "text"),
    "image_code": ("bit({})", "bit"),
    "text_code": ("bit({})", "bit"),
}
"""Types of the columns, and what they are copied as; those of `items_schema`."""


@dataclass
class PostgresTable:
    """An open table, by its name or schema.name; what other programs add is found by the next search."""

    server: Server
    table: str
    head: Head

    @property
    def place(self) -> str:
        """What messages call it."""
        return self.server.name

    def save(self) -> None:
        """Let the planner know what is there now; changes are in the database already."""
        self.server.ask(lambda connection: connection.execute(self._sql("ANALYZE {table}")))

    def close(self) -> None:
        """Close the connections."""
        self.server.close()

    def create(self, connection: psycopg.Connection[Any], items: pa.Table, over: bool) -> None:
        """Make the table, fill it and index it; `over`: in place of one that is there.

        Raises:
            CrosshashError: it is there already.
        """
        import psycopg

        kinds = ", ".join(f'"{name}" {kind.format(self.head.bits)}' for name, (kind, _) in COLUMNS.items())
        if over:
            connection.execute(self._sql("DROP TABLE IF EXISTS {table}"))
        try:
            connection.execute(self._sql("CREATE TABLE {table} ({kinds})", kinds=raw(kinds)))
        except (psycopg.errors.DuplicateTable, psycopg.errors.UniqueViolation):
            raise CrosshashError(
                f"{self.place}: is there already. Choose another table, or write over it: --replace."
            ) from None
        self._copy(connection, items)
        connection.execute(self._sql("CREATE INDEX ON {table} USING gin (labels)"))
        for modality in MODALITIES if self.head.kind == "hnsw" else ():
            index = "CREATE INDEX ON {table} USING hnsw ({code} bit_hamming_ops)"
            connection.execute(self._sql(index, code=_column(modality)))
        self._tell(connection, self.head)

    def size(self, connection: psycopg.Connection[Any]) -> int:
        """Count the rows."""
        found = connection.execute(self._sql("SELECT count(*) FROM {table}")).fetchone()
        return int(found[0]) if found else 0

    def count(self, answers: Modality) -> int:
        """How many items have a code of a modality."""
        return int(self._all("SELECT count({code}) FROM {table}", code=_column(answers))[0][0])

    def add(self, items: pa.Table) -> None:
        """Take in more items."""
        check_items(items, self.head.bits, self.place)
        self.head = self.server.ask(lambda connection: self._add(connection, items), again=False)

    def remove(self, rows: Rows) -> None:
        """Drop items."""
        self.head = self.server.ask(lambda connection: self._remove(connection, rows), again=False)

    def search(self, answers: Modality, queries: Codes, top: int, keep: Keep | None = None) -> Found:
        """Find the nearest items; all queries see one state of the table."""
        check_top(self.head.items, top)
        check_queries(queries, -(-self.head.bits // 8))
        found = self.server.ask(
            lambda connection: [self._nearest(connection, answers, query, top, keep) for query in queries]
        )
        rows, distances, _ = zip(*found, strict=True)
        check_found(self, answers, np.stack(rows))
        return np.stack(rows), np.stack(distances)

    def search_real(self, answers: Modality, queries: Reals, top: int, keep: Keep | None = None) -> Scored:
        """Find the items of the highest inner product among candidates."""

        def candidates(code: Codes, wanted: int) -> Candidates:
            return self.server.ask(
                lambda connection: self._nearest(connection, answers, code, wanted, keep, with_codes=True)
            )

        check_top(self.head.items, top)
        best = reordered(candidates, self.head.bits, queries, top)
        check_found(self, answers, best[0])
        return best

    def items(self, rows: Rows | None = None) -> pa.Table:
        """Give all items, or those of some rows."""
        some = raw("" if rows is None else " WHERE row = ANY(%b::bigint[])")
        wanted = self._sql("SELECT {names} FROM {table}{some}", names=raw(_names()), some=some)
        values = () if rows is None else (rows.tolist(),)
        schema = items_schema(self.head.bits)
        found = self.server.ask(
            lambda connection: pa.Table.from_batches(batches(connection, wanted, values, schema), schema)
        )
        if rows is None:
            return found.sort_by("row").combine_chunks()
        return in_order(found, rows, self.place)

    def row_of(self, item: str) -> int | None:
        """Find the row of an id."""
        if "\0" in item:  # no text of PostgreSQL holds it
            return None
        found = self._all("SELECT row FROM {table} WHERE id = %s", item)
        return int(found[0][0]) if found else None

    def labels(self) -> list[str]:
        """List all labels, sorted."""
        return sorted(row[0] for row in self._all("SELECT DISTINCT unnest(labels) FROM {table}"))

    def _nearest(
        self,
        connection: psycopg.Connection[Any],
        answers: Modality,
        query: Codes,
        top: int,
        keep: Keep | None,
        with_codes: bool = False,
    ) -> Candidates:
        """Search for one query: rows int64[T], distances int32[T] in order, codes uint8[T, W] or [T, 0]."""
        kept, given = _filter(keep)
        bits = Bits(self.head.bits, query.tobytes())

        def asked(ranked: str) -> Candidates:
            wanted = self._sql(
                "SELECT row, ({code} <~> %b)::int{codes} FROM {table} WHERE {code} IS NOT NULL{kept} "
                "ORDER BY {order} LIMIT %b",
                code=_column(answers),
                codes=raw(", {code}" if with_codes else "").format(code=_column(answers)),
                kept=raw(kept),
                order=raw(ranked).format(code=_column(answers)),
            )
            cursor = connection.execute(wanted, (bits, *given, bits, top), binary=True)
            found = cursor.fetchall()
            places = np.array([one[:2] for one in found], np.int64).reshape(-1, 2)
            order = np.lexsort(places.T)
            codes = b"".join(one[2][4:] for one in found) if with_codes else b""
            packed = np.frombuffer(codes, np.uint8).reshape(len(found), len(query) if with_codes else 0)
            return places[order, 0], places[order, 1].astype(np.int32), packed[order]

        if self.head.kind == "hnsw" and (keep is None or isinstance(keep, tuple)):
            effort = min(max(EF[0], 2 * top), EF[1])
            connection.execute(raw(f"SET LOCAL hnsw.ef_search = {effort}"))
            connection.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            found = asked("{code} <~> %b")
            if len(found[0]) == top:
                return found
        return asked("({code} <~> %b) + 0, row")

    def _add(self, connection: psycopg.Connection[Any], items: pa.Table) -> Head:
        import psycopg

        head = self._locked(connection)
        try:
            self._copy(connection, items)
        except psycopg.errors.UniqueViolation as error:
            raise refused_items(self.place, str(error.diag.message_detail)) from None
        return self._tell(connection, replace(head, items=head.items + len(items)))

    def _remove(self, connection: psycopg.Connection[Any], rows: Rows) -> Head:
        head = self._locked(connection)
        text = "DELETE FROM {table} WHERE row = ANY(%b::bigint[]) RETURNING row"
        gone = [row for (row,) in connection.execute(self._sql(text), (rows.tolist(),)).fetchall()]
        strange = rows[~np.isin(rows, gone)]
        if len(strange):
            raise refused_rows(self.place, strange)
        return self._tell(connection, replace(head, items=head.items - len(gone)))

    def _locked(self, connection: psycopg.Connection[Any]) -> Head:
        """Keep other writers out for this transaction; readers go on. Gives the head as it is then."""
        connection.execute(self._sql("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
        return replace(head_of(connection, self.table, self.place), kind=self.head.kind)

    def _tell(self, connection: psycopg.Connection[Any], head: Head) -> Head:
        from psycopg import sql

        connection.execute(self._sql("COMMENT ON TABLE {table} IS {told}", told=sql.Literal(head.text())))
        return head

    def _copy(self, connection: psycopg.Connection[Any], items: pa.Table) -> None:
        into = self._sql("COPY {table} ({names}) FROM STDIN (FORMAT BINARY)", names=raw(_names()))
        with connection.cursor().copy(into) as copy:
            copy.set_types([kind for _, kind in COLUMNS.values()])
            for batch in items.to_batches(AT_ONCE):
                *columns, image, text = (batch[name].to_pylist() for name in COLUMNS)
                codes = [[code and Bits(self.head.bits, code) for code in column] for column in (image, text)]
                for row in zip(*columns, *codes, strict=True):
                    copy.write_row(row)

    def _all(self, text: str, *values: object, **parts: sql.Composable) -> list[tuple[Any, ...]]:
        wanted = self._sql(text, **parts)
        return self.server.ask(lambda connection: connection.execute(wanted, values or None).fetchall())

    def _sql(self, text: str, **parts: sql.Composable) -> sql.Composed:
        from psycopg import sql

        return sql.SQL(text).format(table=sql.Identifier(*self.table.split(".")), **parts)


def head_of(connection: psycopg.Connection[Any], table: str, place: str) -> Head:
    """Read the head of a table out of its comment.

    Raises:
        CrosshashError: there is no such table, or it has none.
    """
    found = connection.execute(
        "SELECT obj_description(to_regclass(%s), 'pg_class'), to_regclass(%s) IS NULL",
        (quoted(connection, table), quoted(connection, table)),
    ).fetchone()
    if found is None or found[1]:
        raise CrosshashError(f"{place}: there is no such table. `crosshash export pgvector` makes it.")
    return Head.read(found[0], place)


def _filter(keep: Keep | None) -> tuple[str, tuple[object, ...]]:
    if keep is None:
        return "", ()
    if isinstance(keep, tuple):
        return " AND labels && %b::text[]", (list(keep),)
    return " AND row = ANY(%b::bigint[])", (keep.tolist(),)


def _names() -> str:
    return ", ".join(f'"{name}"' for name in COLUMNS)


def _column(modality: Modality) -> sql.Identifier:
    from psycopg import sql

    return sql.Identifier(f"{modality}_code")
