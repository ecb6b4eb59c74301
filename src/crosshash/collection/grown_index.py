"""Changes of a collection's index, written beside its files, or all of it anew where that pays."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crosshash.artifacts import atomic_path, write_json, write_npz
from crosshash.collection.new_codes import NewCodes
from crosshash.collection.new_items import Ready
from crosshash.index.code_index import CodeIndex
from crosshash.index.large.build import change
from crosshash.index.large.grown import GrownLarge
from crosshash.index.large.large_index import large_folder
from crosshash.parquet import in_groups, write_parquet
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.retrieval.codefiles.segments import (
    SEGMENTS,
    Changes,
    Rows,
    changes_of,
    merged,
    numbers_of,
    read_segment,
    segment_paths,
)
from crosshash.search.folders.index_folder import (
    INDEX,
    ITEMS,
    QUANTISER,
    STATISTICS,
    IndexFolder,
    with_changes,
)
from crosshash.search.folders.made_by import BASE
from crosshash.search.grown.grown_codes import AnyIndex
from crosshash.search.items import CAPTIONS, CONTENT, PICTURE, REMOVED, ItemTable

SMALL = 10_000
"""Items up to which all files are written anew, some 40 ms: a segment would not be much faster."""
MOST = 1 / 4  # of the items may lie in segments: so little is read twice, and little rewritten per item
OWN = {
    PICTURE: pa.string(),
    CONTENT: pa.string(),
    CAPTIONS: pa.list_(pa.string()),
    REMOVED: pa.string(),
}


def added(items: ItemTable, ready: Sequence[Ready], known: Mapping[str, int], codes: NewCodes) -> Changes:
    """Describe new items; each takes its own row where its id is `known`, else the next one."""
    found = [known.get(one.addition.id) for one in ready]
    rows = np.arange(len(items), len(items) + len(ready), dtype=np.int64)
    rows -= np.cumsum([row is not None for row in found])  # new items take the next places, without gaps
    rows = np.array([new if row is None else row for row, new in zip(found, rows, strict=True)], np.int64)
    told = [
        {
            "id": one.addition.id,
            "row": -1,
            "image": one.addition.id if one.picture else "",
            "caption": next(iter(one.addition.captions), ""),
            "labels": list(one.addition.labels),
            PICTURE: one.picture,
            CONTENT: one.content,
            CAPTIONS: list(one.addition.captions),
            REMOVED: "",
        }
        for one in ready
    ]
    table = pa.Table.from_pylist(told, schema=with_own_columns(items.table).schema)
    return changes_of(rows, table, codes.packed, codes.has, codes.words)


def removed(items: ItemTable, rows: Rows, ids: Sequence[str]) -> Changes:
    """Describe items that are gone: nothing but nulls and their ids, so that the others keep their rows."""
    schema = with_own_columns(items.table).schema
    nothing = {field.name: pa.nulls(len(rows), field.type) for field in schema}
    table = pa.table(nothing | {REMOVED: pa.array(ids, pa.string())}, schema=schema)
    return changes_of(rows, table, None, None, None)


def write_changes(collection: Path, before: IndexFolder, changes: Changes) -> dict[Modality, int]:
    """Write changes of a collection, all or none, and onto the disk.

    before: not mapped, read while the collection is held, and used up. Gives how many items it now has, by
    modality.
    """
    after = with_changes(before, changes)
    index = collection / INDEX
    if index.is_dir() and not _pays(index, after, len(changes)):
        append(index, changes)
    else:
        write_whole(collection, after)
    return {modality: len(codes) for modality, codes in after.codes.items()}


def append(index: Path, changes: Changes) -> None:
    """Write a segment; it takes in those before it that are no larger, so that there are few of them.

    Of k items that come one by one, each is written about log2(k) times.
    """
    paths = segment_paths(index)
    last = numbers_of(paths[-1])[1] + 1 if paths else 1
    first = last
    while paths and pq.read_metadata(paths[-1]).num_rows <= len(changes):
        path = paths.pop()
        first = numbers_of(path)[0]
        changes = merged([read_segment(path), changes])
    target = index / SEGMENTS / f"{first:08}-{last:08}.parquet"
    write_parquet(target, changes.table.schema, [changes.table], durable=True)
    kept = segment_paths(index)
    for path in target.parent.iterdir():
        if path.name.startswith("."):  # of a writer that was killed; there is no other one
            shutil.rmtree(path, ignore_errors=True)
        elif path not in kept:
            path.unlink()


def write_whole(collection: Path, index: IndexFolder) -> None:
    """Write all files of a collection's index in place of those before."""
    with atomic_path(collection / INDEX, durable=True) as folder:
        folder.mkdir()
        statistics = {key: value for key, value in index.statistics.items() if key != "search"}
        statistics.setdefault(BASE, index.digest)
        statistics |= write_codes(folder, index)
        table = with_own_columns(index.items.whole().table)
        write_parquet(folder / ITEMS, table.schema, in_groups(table))
        write_json(folder / STATISTICS, statistics)


def write_codes(folder: Path, index: IndexFolder) -> dict[str, Any]:
    """Write the codes of an index, with all changes, into a folder; gives what statistics tell of them."""
    for modality, codes in index.codes.items():
        _save(codes, folder, modality)
    if index.quantiser is not None:
        words: dict[str, Any] = dict(index.quantiser.words)  # type: ignore[arg-type]
        write_npz(folder / QUANTISER, {"codebook": index.quantiser.codebook} | words)
    return {modality: {"items": len(codes)} for modality, codes in index.codes.items()}


def with_own_columns(table: pa.Table) -> pa.Table:
    """Give a table of items the columns that only a collection has."""
    for name, kind in OWN.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), kind))
    return table


def _save(codes: AnyIndex, folder: Path, modality: Modality) -> None:
    if isinstance(codes, CodeIndex):
        codes.save(folder / f"{modality}.faiss")
        return
    if not isinstance(codes, GrownLarge):
        codes = GrownLarge.over(codes)
    change(codes.base, large_folder(folder, modality), codes.added.packed, codes.added.rows, codes.gone)


def _pays(index: Path, after: IndexFolder, count: int) -> bool:
    """Say whether writing all anew costs less than reading the changes apart from now on.

    Graphs and tables (hnsw, multihash) would be built anew by whoever reads the index.
    """
    for modality in MODALITIES:
        codes = after.codes[modality]
        if isinstance(codes, CodeIndex) and codes.kind in ("hnsw", "multihash"):
            return True
    apart = count + sum(pq.read_metadata(path).num_rows for path in segment_paths(index))
    return len(after.items) < SMALL or apart > MOST * len(after.items)
