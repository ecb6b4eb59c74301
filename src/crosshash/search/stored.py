"""An index whose codes and items lie in a store: searched there, looked up there, nothing kept but counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crosshash.errors import CrosshashError
from crosshash.formats.spelling import composed
from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.exact import Codes, Found, Rows
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.retrieval.codefiles.item_codes import codes_of
from crosshash.search.folders.made_by import SHOWN, OtherModel
from crosshash.search.folders.own_picture import read_own_picture
from crosshash.search.items import Hit, ItemTable, wanted_labels
from crosshash.stores import places
from crosshash.stores.contract import Keep, Store


@dataclass(frozen=True)
class StoredCodes:
    """Codes of one modality, asked as a `CodeIndex` is; `count`: how many there were at the start."""

    store: Store
    answers: Modality
    count: int

    def __len__(self) -> int:
        return self.count

    def search(self, queries: Codes, top: int, keep: Keep | None = None) -> Found:
        """Find the nearest items, as `Store.search`."""
        return self.store.search(self.answers, queries, top, keep)

    def search_real(self, queries: Reals, top: int, keep: Keep | None = None) -> Scored:
        """Find the items of the highest inner product, as `Store.search_real`."""
        return self.store.search_real(self.answers, queries, top, keep)

    def codes_of(self, rows: Rows) -> Codes:
        """Give the codes uint8[Q, T, W] of rows int64[Q, T]."""
        known, found = np.unique(rows, return_inverse=True)
        packed, _ = codes_of(self.store.items(known), self.answers)
        return packed[found.reshape(rows.shape)]

    def known(self, rows: Rows) -> Rows:
        """Give those of some rows int64[M] that have such a code, rising."""
        rows = np.unique(rows)
        _, there = codes_of(self.store.items(rows), self.answers)
        return rows[there]


@dataclass
class StoredItems:
    """What is known of the items of a store; labels are looked up again when an unknown one is asked for."""

    store: Store
    labels: list[str]

    def hits(self, rows: Rows, distances: NDArray[np.int32] | None, scores: NDArray[np.float32]) -> list[Hit]:
        """Describe found rows, as `ItemTable.hits`."""
        found = self.store.items(rows)
        labels = [labels or [] for labels in found["labels"].to_pylist()]
        column = pa.array(labels, pa.list_(pa.string()))
        table = found.set_column(found.schema.get_field_index("labels"), "labels", column)
        return ItemTable(table.combine_chunks()).hits(np.arange(len(rows)), distances, scores)

    def row_of(self, item: str) -> int | None:
        """Find an item's row number."""
        row = self.store.row_of(item)
        return self.store.row_of(composed(item)) if row is None else row

    @property
    def keeps_pictures(self) -> bool:
        """Say whether items have pictures of their own."""
        return self.store.head.pictures

    def known(self, row: int) -> dict[str, Any]:
        """Give what is known of a row, as `ItemTable.known`."""
        (found,) = self.store.items(np.array([row])).to_pylist()
        return {**found, "row": found["pair_row"], "labels": found["labels"] or []}

    def rows_with(self, labels: str | Sequence[str]) -> Keep:
        """Check labels, as `ItemTable.rows_with`; the store finds the rows.

        Raises:
            CrosshashError: a label that no item has.
        """
        try:
            return tuple(wanted_labels(labels, self.labels))
        except CrosshashError:  # another program may have added items with it
            self.labels = self.store.labels()
        return tuple(wanted_labels(labels, self.labels))


@dataclass(frozen=True)
class StoredIndex:
    """What `IndexFolder` is of files: codes by modality, items, by which distance they are searched."""

    store: Store
    collection: Path
    dataset: str
    codes: dict[Modality, StoredCodes]
    items: StoredItems
    statistics: dict[str, Any]
    quantiser: ClassVar[None] = None

    def picture(self, name: str) -> bytes | None:
        """Give a picture of a collection's own by its name; None where the file is gone."""
        try:
            return read_own_picture(self.collection, name)
        except OSError:
            return None


def open_store(address: str, encoder: dict[str, Any], collection: Path, dataset: str) -> StoredIndex:
    """Open a store that fits the encoder, as `describe_encoder` describes it.

    Raises:
        OtherModel: the codes were made by another model, for other bits, or by nobody knows what.
        CrosshashError: it cannot be opened.
    """
    store = places.load(address)
    head, remedy = store.head, "Export the codes of the present model to it: `crosshash export`, --replace."
    if head.bits != encoder["bits"]:
        raise OtherModel(
            f"{store.place}: holds codes of {head.bits} bits, the model gives {encoder['bits']}", remedy
        )
    if head.encoder != encoder["digest"]:
        made, loaded = (one[:SHOWN] or "unknown" for one in (head.encoder, encoder["digest"]))
        raise OtherModel(
            f"{store.place}: was made by another model ({made}) than the present one ({loaded})", remedy
        )
    codes = {modality: StoredCodes(store, modality, store.count(modality)) for modality in MODALITIES}
    return StoredIndex(
        store, collection, dataset, codes, StoredItems(store, store.labels()), {"distance": head.distance}
    )
