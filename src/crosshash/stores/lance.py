"""A LanceDB table in a folder: codes as lists of bytes, searched from disk.

LanceDB cuts a tie off wherever it likes: where the last place is contested, all items up to its distance are
fetched, and the rows settle it. Its upper bounds exclude, so the range ends one further.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from crosshash.artifacts import missing, read_json, write_json
from crosshash.errors import CrosshashError
from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.checks import check_queries, check_top
from crosshash.index.exact import Codes, Found, Rows, nearest
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.retrieval.codefiles.item_codes import REMEDY, Head, check_items, codes_of, items_schema
from crosshash.stores.contract import (
    EXPORT,
    Keep,
    StoreError,
    check_count,
    check_found,
    check_free,
    check_kind,
    in_order,
    refused_items,
    refused_rows,
)
from crosshash.stores.lance_form import any_of, filter_of, listed, text_of, unlisted
from crosshash.stores.reordered import Candidates, reordered
from crosshash.workers.lock import locked

KINDS = ("flat", "ivf")
TABLE, HEAD, LOCK = "crosshash", "crosshash.json", ".lock"
PROBES = 32
"""Lists of an ivf that are searched."""
LISTED = 1_000
"""Rows to keep that a filter names; LanceDB takes a minute for a million, so more are compared here."""
AT_ONCE = 10_000
"""Rows that one statement names."""


def build(place: str, items: pa.Table, head: Head, over: bool = False) -> LanceStore:
    """Write a table; `head.kind`: flat, or ivf (IVF_FLAT, about sqrt(N) lists); see `Backend`."""
    folder = Path(place)
    check_kind(place, head.kind, KINDS)
    check_items(items, head.bits, place)
    head = replace(head, items=len(items))
    with _locked(folder), _named(place):
        if not over:
            check_free(place, folder / f"{TABLE}.lance", over)
        mode = "overwrite" if over else "create"
        table = _connected(folder).create_table(TABLE, listed(items.sort_by("row")), mode=mode)
        if len(items):
            _index(table, head)
        write_json(folder / HEAD, {"head": head.text()})
    return LanceStore(place, head, table)


def load(place: str) -> LanceStore:
    """Open a table; see `Backend`."""
    folder = Path(place)
    if not (folder / f"{TABLE}.lance").is_dir():
        raise missing(folder / f"{TABLE}.lance", EXPORT)
    with _named(place):
        table = _connected(folder).open_table(TABLE)
        head, count = _head(folder), table.count_rows()
        if count != head.items:  # while another program changes it
            with _locked(folder):
                head, count = _head(folder), table.count_rows()
        found, indexes = table.schema, table.list_indices()
    check_count(place, head, count)
    if not found.remove_metadata().equals(listed(items_schema(head.bits).empty_table()).schema):
        raise CrosshashError(
            f"{place}: has other columns, or codes of another length, than its head says. {REMEDY}"
        )
    kinds = {str(index.index_type) for index in indexes if index.columns[0].endswith("_code")}
    if kinds - {"IvfFlat"} or (kinds and _metrics(table) != {"hamming"}):
        raise CrosshashError(f"{place}: its index is not of Hamming distance ({', '.join(kinds)}). {REMEDY}")
    return LanceStore(place, replace(head, kind="ivf" if kinds else "flat"), table)


@dataclass
class LanceStore:
    """An open table; what other programs add is found by the next search."""

    place: str
    head: Head
    table: Any

    def save(self) -> None:
        """Put the pieces that `add` and `remove` left together, and new items into the index."""
        with _locked(Path(self.place)), _named(self.place):
            self.table.optimize()

    def close(self) -> None:
        """Nothing is held open."""

    def count(self, answers: Modality) -> int:
        """How many items have a code of a modality."""
        with _named(self.place):
            return int(self.table.count_rows(f"{answers}_code IS NOT NULL"))

    def add(self, items: pa.Table) -> None:
        """Take in more items."""
        check_items(items, self.head.bits, self.place)
        with _locked(Path(self.place)), _named(self.place):
            known = self.table.search().select(["row", "id"]).to_arrow()
            for name in ("row", "id"):
                twice = set(items[name].to_pylist()) & set(known[name].to_pylist())
                if twice:
                    raise refused_items(self.place, f"{name} {min(twice)} is there already")
            self.table.add(listed(items))
            self._changed()

    def remove(self, rows: Rows) -> None:
        """Drop items."""
        with _locked(Path(self.place)), _named(self.place):
            known = self.table.search().select(["row"]).to_arrow()["row"].to_numpy()
            strange = rows[~np.isin(rows, known)]
            if len(strange):
                raise refused_rows(self.place, strange)
            for start in range(0, len(rows), AT_ONCE):
                self.table.delete(any_of(rows[start : start + AT_ONCE]))
            self._changed()

    def search(self, answers: Modality, queries: Codes, top: int, keep: Keep | None = None) -> Found:
        """Find the nearest items."""
        check_top(self.head.items, top)
        check_queries(queries, -(-self.head.bits // 8))
        with _named(self.place):
            if not isinstance(keep, tuple) and keep is not None and len(keep) > LISTED:
                return self._among(answers, queries, top, keep)
            found = [self._nearest(answers, query, top, keep) for query in queries]
            rows = np.stack([one["row"].to_numpy() for one in found])
            check_found(self, answers, rows)
            return rows, np.stack([one["_distance"].to_numpy().astype(np.int32) for one in found])

    def search_real(self, answers: Modality, queries: Reals, top: int, keep: Keep | None = None) -> Scored:
        """Find the items of the highest inner product among candidates."""
        width = -(-self.head.bits // 8)

        def candidates(code: Codes, wanted: int) -> Candidates:
            if not isinstance(keep, tuple) and keep is not None and len(keep) > LISTED:
                ((rows,), (distances,)) = self._among(answers, code[None], wanted, keep)
                return rows, distances, codes_of(self.items(rows), answers)[0]
            with _named(self.place):
                found = self._nearest(answers, code, wanted, keep, with_codes=True)
            packed = found[f"{answers}_code"].combine_chunks().flatten().to_numpy()
            distances = found["_distance"].to_numpy().astype(np.int32)
            return found["row"].to_numpy(), distances, packed.reshape(len(found), width)

        check_top(self.head.items, top)
        best = reordered(candidates, self.head.bits, queries, top)
        check_found(self, answers, best[0])
        return best

    def items(self, rows: Rows | None = None) -> pa.Table:
        """Give all items, or those of some rows."""
        with _named(self.place):
            if rows is None:
                return unlisted(self.table.to_arrow(), self.head.bits).sort_by("row").combine_chunks()
            wanted = np.unique(rows)
            parts = [
                self.table.search().where(any_of(wanted[start : start + AT_ONCE])).to_arrow()
                for start in range(0, len(wanted), AT_ONCE)
            ]
        found = pa.concat_tables(parts) if parts else self.table.schema.empty_table()
        return in_order(unlisted(found, self.head.bits), rows, self.place)

    def row_of(self, item: str) -> int | None:
        """Find the row of an id."""
        with _named(self.place):
            found = self.table.search().where(f"id = {text_of(item)}").select(["row"]).to_arrow()
        return found["row"][0].as_py() if len(found) else None

    def labels(self) -> list[str]:
        """List all labels, sorted."""
        with _named(self.place):
            lists = self.table.search().select(["labels"]).to_arrow()["labels"]
        return sorted({label for labels in lists.to_pylist() for label in labels or ()})

    def _nearest(
        self, answers: Modality, query: Codes, top: int, keep: Keep | None, with_codes: bool = False
    ) -> pa.Table:
        """Search for one query: columns row and _distance, in order, and the code if that is asked for."""
        if top > self.head.items:  # LanceDB takes 32 bits; others may have added items meanwhile
            top = max(1, min(top, self.table.count_rows()))
        column, where = f"{answers}_code", filter_of(keep)
        columns = ["row", "_distance", *([column] if with_codes else [])]

        def asked(top: int, exact: bool, bound: int | None = None) -> pa.Table:
            search = self.table.search(query, vector_column_name=column, query_type="vector")
            search = search.distance_type("hamming").select(columns).limit(top)
            search = search.bypass_vector_index() if exact else search.nprobes(PROBES)
            if bound is not None:
                search = search.distance_range(None, float(bound))
            if where is not None:
                search = search.where(where, prefilter=True)
            return search.to_arrow()

        exact = self.head.kind == "flat" or keep is not None
        found = asked(top + 1, exact)
        if len(found) < top and not exact:
            exact, found = True, asked(top + 1, exact=True)
        distances = found["_distance"].to_numpy()
        if len(found) > top and distances[top] == distances[top - 1]:
            found = asked(self.table.count_rows(), exact, int(distances[top]) + 1)
        order = np.lexsort((found["row"].to_numpy(), found["_distance"].to_numpy()))[:top]
        return found.take(pa.array(order))

    def _among(self, answers: Modality, queries: Codes, top: int, keep: Rows) -> Found:
        """Compare the codes of many rows here."""
        column = f"{answers}_code"
        items = self.table.search().where(f"{column} IS NOT NULL").select(["row", column]).to_arrow()
        items = items.filter(pa.array(np.isin(items["row"].to_numpy(), keep))).sort_by("row")
        packed, _ = codes_of(unlisted(items, self.head.bits), answers)
        return nearest(np.ascontiguousarray(queries), packed, items["row"].to_numpy(), top)

    def _changed(self) -> None:
        self.head = replace(self.head, items=int(self.table.count_rows()))
        write_json(Path(self.place) / HEAD, {"head": self.head.text()})


def _connected(folder: Path) -> Any:  # noqa: ANN401 - LanceDB is half typed
    os.environ.setdefault("LANCEDB_LOG", "error")  # it warns of every table that is not there yet
    try:
        import lancedb
    except ImportError:
        raise CrosshashError("LanceDB is not installed: pip install 'crosshash[lancedb]'.") from None
    return lancedb.connect(folder, read_consistency_interval=timedelta(0))


@contextmanager
def _named(place: str) -> Iterator[None]:
    """Turn what LanceDB raises, of whatever type, into an error that names the place."""
    try:
        yield
    except CrosshashError:
        raise
    except (RuntimeError, ValueError, OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise StoreError(f"{place}: LanceDB cannot read or write it ({reason}). Is it still there?") from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one writer in: LanceDB lets two append the same row."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK, f"{folder}: waiting for another writer"):
        yield


def _head(folder: Path) -> Head:
    return Head.read(read_json(folder / HEAD).get("head"), str(folder))


def _index(table: Any, head: Head) -> None:  # noqa: ANN401
    """Index labels, and codes where the kind asks for it."""
    from lancedb.index import IvfFlat, LabelList

    table.create_index("labels", config=LabelList())
    if head.kind != "ivf":
        return
    lists = max(1, round(head.items**0.5))
    for modality in MODALITIES:
        if table.count_rows(f"{modality}_code IS NOT NULL"):
            table.create_index(
                f"{modality}_code", config=IvfFlat(distance_type="hamming", num_partitions=lists)
            )


def _metrics(table: Any) -> set[str]:  # noqa: ANN401
    names = [index.name for index in table.list_indices() if index.columns[0].endswith("_code")]
    return {str(table.index_stats(name).distance_type) for name in names}
