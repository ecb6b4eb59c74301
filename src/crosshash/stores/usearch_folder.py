"""A folder of usearch's index files, one per modality, beside the parquet file of their items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from crosshash.artifacts import atomic_path, missing
from crosshash.errors import CrosshashError
from crosshash.index.checks import check_queries, check_top
from crosshash.index.exact import Codes, Found, Rows, nearest
from crosshash.retrieval.codefiles.codeset import MODALITIES
from crosshash.retrieval.codefiles.item_codes import REMEDY, Head, read_items, write_items
from crosshash.stores.contract import EXPORT, check_free, check_kind
from crosshash.stores.in_memory import InMemory, in_memory

KINDS = ("flat", "hnsw")
ITEMS = "items.parquet"
TIMES = 4
"""That many times as many neighbours are asked for where the last place is contested."""


def build(place: str, items: pa.Table, head: Head, over: bool = False) -> InMemory:
    """Hold items, to be saved to a folder; `head.kind`: flat (all are compared), or hnsw; see `Backend`."""
    check_kind(place, head.kind, KINDS)
    check_free(place, Path(place), over, ITEMS)
    return in_memory(place, items, head, _write, partial(UsearchIndex.build, kind=head.kind))


def load(place: str) -> InMemory:
    """Read a folder; see `Backend`."""
    folder = Path(place)
    if not folder.is_dir():
        raise missing(folder, EXPORT)
    items, head = read_items(folder / ITEMS)
    store = in_memory(place, items, head, _write)
    for modality in MODALITIES:
        codes = store.indexes[modality]
        store.indexes[modality] = UsearchIndex.load(folder / f"{modality}.usearch", codes, head)
    return store


@dataclass
class UsearchIndex:
    """`held`: of usearch; codes uint8[N, W] under rows int64[N], rising, for what usearch cannot: filters."""

    held: Any
    packed: Codes
    rows: Rows
    kind: str

    @classmethod
    def build(cls, packed: Codes, rows: Rows, kind: str) -> UsearchIndex:
        """Index codes uint8[N, W]: whole bytes, pad bits are 0."""
        held = _usearch().Index(ndim=8 * packed.shape[1], dtype="b1", metric="hamming")
        if len(rows):
            held.add(rows.astype(np.uint64), packed, threads=1)
        return cls(held, packed, rows, kind)

    @classmethod
    def load(cls, path: Path, codes: Any, head: Head) -> UsearchIndex:  # noqa: ANN401
        """Read a file, and hold it against the codes that belong to it.

        Raises:
            CrosshashError: it is missing, damaged, of another length or distance, or holds other items.
        """
        if not path.is_file():
            raise missing(path)
        module = _usearch()
        try:
            told = module.Index.metadata(str(path))
            held = module.Index.restore(str(path))
            keys = np.sort(held.keys[:].astype(np.int64))  # one by one each takes as long as all
        except (RuntimeError, ValueError, TypeError) as error:
            raise CrosshashError(f"{path}: cannot be read by usearch ({error}). {REMEDY}") from None
        width = -(-head.bits // 8)
        if told["dimensions"] != 8 * width or str(told["kind_scalar"]) != "ScalarKind.B1":
            raise CrosshashError(f"{path}: holds codes of another length than {head.bits} bits. {REMEDY}")
        if str(told["kind_metric"]) != "MetricKind.Hamming":
            raise CrosshashError(
                f"{path}: compares by {told['kind_metric']}, not by Hamming distance. {REMEDY}"
            )
        if not np.array_equal(keys, codes.rows):
            raise CrosshashError(f"{path}: holds {len(keys)} other items than {ITEMS} beside it. {REMEDY}")
        return cls(held, codes.packed, codes.rows, head.kind)

    def __len__(self) -> int:
        return len(self.rows)

    def search(self, queries: Codes, top: int, keep: Rows | None = None) -> Found:
        """Find the nearest items; exactly with `keep`, which usearch knows nothing of."""
        check_top(len(self), top)
        check_queries(queries, self.packed.shape[1])
        if keep is not None:
            chosen = np.flatnonzero(np.isin(self.rows, keep))
            return nearest(np.ascontiguousarray(queries), self.packed[chosen], self.rows[chosen], top)
        top = min(top, len(self))
        found = [self._nearest(query, top) for query in queries]
        rows, distances = zip(*found, strict=True)
        return np.stack(rows), np.stack(distances)

    def add(self, packed: Codes, rows: Rows) -> None:
        """Take in more codes."""
        if len(rows):
            self.held.add(rows.astype(np.uint64), np.ascontiguousarray(packed), threads=1)
        order = np.argsort(np.concatenate([self.rows, rows]))
        self.packed = np.concatenate([self.packed, packed])[order]
        self.rows = np.concatenate([self.rows, rows])[order]

    def remove(self, rows: Rows) -> None:
        """Drop items."""
        if len(rows):
            self.held.remove(rows.astype(np.uint64))
        left = ~np.isin(self.rows, rows)
        self.packed, self.rows = self.packed[left], self.rows[left]

    def _nearest(self, query: Codes, top: int) -> tuple[Rows, Any]:
        """Search for one query: rows int64[T], distances int32[T]; ties are settled by the row if flat.

        usearch fills what it does not find with key 0 and no number: only as many as there are are asked for.
        """
        wanted = top
        while True:
            wanted = min(wanted + 1 if wanted == top else TIMES * wanted, len(self))
            found = self.held.search(query, wanted, exact=self.kind == "flat", threads=1)
            rows, distances = found.keys.astype(np.int64), found.distances.astype(np.int32)
            if len(rows) < top:
                found = nearest(query[None], self.packed, self.rows, top)
                return found[0][0], found[1][0]
            settled = wanted >= len(self) or distances[-1] > distances[top - 1]
            if settled or self.kind != "flat":
                order = np.lexsort((rows, distances))[:top]
                return rows[order], distances[order]


def _usearch() -> Any:  # noqa: ANN401 - loaded where it is used
    try:
        import usearch.index
    except ImportError:
        raise CrosshashError("usearch is not installed: pip install 'crosshash[usearch]'.") from None
    return usearch.index


def _write(store: InMemory) -> None:
    with atomic_path(Path(store.place)) as folder:
        folder.mkdir()
        write_items(folder / ITEMS, store.table, store.head)
        for modality, index in store.indexes.items():
            index.held.save(str(folder / f"{modality}.usearch"))  # type: ignore[attr-defined]
