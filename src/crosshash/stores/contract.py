"""What every store of codes does, so that searches and exports need not know which one it is."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from crosshash.errors import CrosshashError
from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.checks import check_top
from crosshash.index.exact import Codes, Found, Rows
from crosshash.retrieval.codefiles.codeset import Modality
from crosshash.retrieval.codefiles.item_codes import REMEDY, Head

Keep = Rows | tuple[str, ...]
"""What may be found: rows int64[M], or items that have any of some labels."""

STATISTICS = "statistics.json"
"""The file by which a folder of FAISS indexes is known."""

EXPORT = "Give the address of a store that is there; `crosshash export` writes one (docs/stores.md)."


class StoreError(CrosshashError):
    """A store does not answer, or no longer as it did when it was opened; nothing is wrong with the query."""


class Backend(Protocol):
    """A kind of store: a module of this room with these two functions."""

    def build(self, place: str, items: pa.Table, head: Head, over: bool = False) -> Store:
        """Take items in at a place; `over`: in place of such a store. What `head.kind` may be, `KINDS` says.

        Raises:
            CrosshashError: something stands there, or items do not fit the head.
        """
        ...

    def load(self, place: str) -> Store:
        """Open what was built.

        Raises:
            CrosshashError: nothing is there, or not what its head says: another length, too few items.
        """
        ...


class Store(Protocol):
    """Items with codes of `head.bits` bits at a place; see docs/stores.md.

    Items are Arrow tables of `items_schema`; rows int64 name them and settle ties. Stores of files are in
    memory and written by `save`; databases are written by `build`, `add` and `remove`, each as a whole.
    """

    head: Head

    @property
    def place(self) -> str:
        """What messages call it; no password stands in it."""
        ...

    def save(self) -> None:
        """Make sure that all of it is at its place."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...

    def count(self, answers: Modality) -> int:
        """How many items have a code of a modality."""
        ...

    def add(self, items: pa.Table) -> None:
        """Take in more items.

        Raises:
            CrosshashError: a row or an id is there already, or codes have another length; nothing was added.
        """
        ...

    def remove(self, rows: Rows) -> None:
        """Drop items int64[M].

        Raises:
            CrosshashError: a row is not there; nothing was removed.
        """
        ...

    def search(self, answers: Modality, queries: Codes, top: int, keep: Keep | None = None) -> Found:
        """Find the `top` nearest items of each query, or all that may be found when they are fewer.

        queries: packed uint8[Q, W]. Gives rows int64[Q, T] and distances int32[Q, T] by distance, then row:
        exactly in a flat store and with rows to keep in any; other kinds may miss items.

        Raises:
            CrosshashError: the store is empty, `top` is below 1, or the codes have another length.
            StoreError: the store does not answer.
        """
        ...

    def search_real(self, answers: Modality, queries: Reals, top: int, keep: Keep | None = None) -> Scored:
        """Find the `top` items of the highest inner product with each real-valued query.

        queries: float[Q, K], what the codes are the signs of. Gives rows int64[Q, T] and scores
        float64[Q, T], by falling score, then row; databases order candidates anew (`reordered`).

        Raises:
            CrosshashError: as `search`, or a query is all zeros.
        """
        ...

    def items(self, rows: Rows | None = None) -> pa.Table:
        """Give all items by rising row, or those of some rows int64[M], in their order.

        Raises:
            StoreError: the store does not answer, or a row is gone.
        """
        ...

    def row_of(self, item: str) -> int | None:
        """Find the row of an id."""
        ...

    def labels(self) -> list[str]:
        """List all labels, sorted."""
        ...


def check_count(place: str, head: Head, found: int) -> None:
    """Refuse a store that does not hold as many items as its head says.

    Raises:
        CrosshashError: it does not.
    """
    if found != head.items:
        raise CrosshashError(
            f"{place}: holds {found} items, its head names {head.items}: it was copied in part, or "
            f"changed by other programs. {REMEDY}"
        )


def check_found(store: Store, answers: Modality, rows: Rows) -> None:
    """Refuse a search that found no rows int64[Q, T] where none has a code of the modality.

    Counting takes a database long, so that it is asked only then.

    Raises:
        CrosshashError: none has.
    """
    if not rows.size:
        check_top(store.count(answers), 1)


def check_kind(place: str, kind: str, kinds: tuple[str, ...]) -> None:
    """Refuse a kind of search that a store does not have.

    Raises:
        CrosshashError: with those that it has.
    """
    if kind not in kinds:
        raise CrosshashError(f"{place}: has no kind '{kind}', but {', '.join(kinds)}.")


def check_free(place: str, path: Path, over: bool, mark: str = "") -> None:
    """Refuse to write where something stands, or with `over`, where no such store does.

    mark: file that a folder of this kind has.

    Raises:
        CrosshashError: something else is there.
    """
    if path.exists() and not over:
        raise CrosshashError(f"{place}: is there already. Choose another place, or write over it: --replace.")
    if path.is_dir() and not (mark and (path / mark).is_file()):
        raise CrosshashError(f"{place}: is a folder of something else, which stays. Choose another place.")


def in_order(items: pa.Table, rows: Rows, place: str) -> pa.Table:
    """Put the items that a store gave into the order of the rows that were asked for.

    Raises:
        StoreError: one of them was not given.
    """
    given = items["row"].to_numpy()
    order = np.argsort(given)
    places = np.searchsorted(given, rows, sorter=order)
    if len(rows) and (not len(given) or (given[order[np.minimum(places, len(given) - 1)]] != rows).any()):
        raise StoreError(f"{place}: items that were there a moment ago have been removed. Search again.")
    return items.take(order[places])


def refused_rows(place: str, rows: Rows) -> CrosshashError:
    """Say which rows are not there."""
    shown = ", ".join(map(str, rows[:10])) + (" ..." if len(rows) > 10 else "")
    return CrosshashError(f"{place}: has no row {shown}. Nothing was removed.")


def refused_items(place: str, why: str) -> CrosshashError:
    """Say why items cannot be added."""
    return CrosshashError(f"{place}: {why}. Nothing was added.")
