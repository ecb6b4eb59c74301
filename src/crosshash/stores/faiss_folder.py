"""A folder as the index stage writes it: FAISS files of both modalities, a table of items, statistics."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from crosshash.artifacts import atomic_path, missing, read_json, write_json
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.index.structures import KINDS as APPROXIMATE
from crosshash.parquet import read_parquet, write_parquet
from crosshash.retrieval.codefiles.codeset import MODALITIES
from crosshash.retrieval.codefiles.item_codes import Head, code_column, items_schema
from crosshash.retrieval.codefiles.segments import read_changes
from crosshash.stores.contract import STATISTICS, check_count, check_free, check_kind
from crosshash.stores.in_memory import InMemory, in_memory

KINDS = ("flat", *APPROXIMATE)
ITEMS = "items.parquet"


def build(place: str, items: pa.Table, head: Head, over: bool = False) -> InMemory:
    """Hold items, to be saved to a folder; an approximate kind may become flat, see `CodeIndex.build`."""
    check_kind(place, head.kind, KINDS)
    check_free(place, Path(place), over, STATISTICS)
    return in_memory(place, items, head, _write, partial(CodeIndex.build, kind=cast(Any, head.kind)))


def load(place: str) -> InMemory:
    """Read a folder, also `artifacts/index` of a run or `index` of a collection; see `Backend`."""
    folder = Path(place)
    if not folder.is_dir():
        raise missing(folder)
    told = read_json(folder / STATISTICS)
    if "vectors" in told:
        raise CrosshashError(
            f"{place}: items are stored as vectors ({told['vectors']}), which are no hash codes."
        )
    indexes = {modality: CodeIndex.load(folder / f"{modality}.faiss") for modality in MODALITIES}
    known = read_parquet(folder / ITEMS)
    changes = read_changes(folder)
    try:
        head = Head(told["bits"], told["encoder"]["digest"], told["distance"], kind=indexes["image"].kind)
        for modality, index in indexes.items():
            check_count(f"{place}: {modality}", replace(head, items=told[modality]["items"]), len(index))
            if changes is not None:
                index.change(*changes.codes(modality, index.packed.shape[1]), changes.places)
        items = _items(known if changes is None else changes.applied(known), indexes, head.bits)
    except (KeyError, IndexError, ValueError) as error:
        raise CrosshashError(f"{place}: its files are not of one index ({error}). Export it again.") from None
    store = in_memory(place, items, head, _write, lambda packed, rows: CodeIndex(packed, rows))
    store.indexes = dict(indexes)
    return store


def _items(known: pa.Table, indexes: dict, bits: int) -> pa.Table:  # type: ignore[type-arg]
    """Put the codes of the indexes beside what is known of their rows; rows without id were removed."""
    columns = {name: known[name] for name in ("id", "image", "caption", "labels")}
    columns["row"] = pa.array(np.arange(len(known)))
    columns["pair_row"] = known["row"]
    own = "picture" in known.column_names
    columns["picture"] = known["picture"] if own else pa.nulls(len(known), pa.string())
    for modality, index in indexes.items():
        packed, there = np.zeros((len(known), -(-bits // 8)), np.uint8), np.zeros(len(known), bool)
        packed[index.rows], there[index.rows] = index.packed, True
        columns[f"{modality}_code"] = code_column(packed, there)
    schema = items_schema(bits)
    items = pa.table({name: columns[name].cast(schema.field(name).type) for name in schema.names}, schema)
    return items.filter(items["id"].is_valid())


def _write(store: InMemory) -> None:
    """Write the folder as a whole; a row of the table for each row number, empty where there is no item."""
    rows = store.table["row"].to_numpy()
    places = np.full(int(rows.max(initial=-1)) + 1, -1)
    places[rows] = np.arange(len(rows))
    taken = store.table.take(pa.array(places, mask=places < 0))
    pair_rows = pa.array(np.where(places < 0, -1, taken["pair_row"].fill_null(-1).to_numpy()))
    known = [
        None if gone else labels or []
        for gone, labels in zip(places < 0, taken["labels"].to_pylist(), strict=True)
    ]
    table = {"id": taken["id"], "row": pair_rows, "image": taken["image"], "caption": taken["caption"]}
    table["labels"] = pa.array(known, pa.list_(pa.string()))
    own = {"picture": taken["picture"], "content": pa.nulls(len(taken), pa.string())}
    items = pa.table(table | (own if store.table["picture"].null_count < len(store.table) else {}))
    head = store.head
    with atomic_path(Path(store.place)) as folder:
        folder.mkdir()
        for modality, index in store.indexes.items():
            index.save(folder / f"{modality}.faiss")  # type: ignore[attr-defined]
        write_parquet(folder / ITEMS, items.schema, [items])
        encoder = {"digest": head.encoder, "bits": head.bits}
        statistics = {"bits": head.bits, "encoder": encoder, "distance": head.distance}
        counts = {modality: {"items": len(index)} for modality, index in store.indexes.items()}
        write_json(folder / STATISTICS, statistics | counts)
