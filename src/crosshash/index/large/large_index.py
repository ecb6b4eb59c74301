"""An index of very many codes: a folder of mapped files, searched as `CodeIndex`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_json
from crosshash.index.asymmetric import Reals, Scored, best
from crosshash.index.checks import check_queries, check_top, checked_reals
from crosshash.index.distinct import Distinct
from crosshash.index.exact import Codes, Found, Rows, nearest, over_queries
from crosshash.index.flat import Flat
from crosshash.index.large.lists import Lists
from crosshash.index.large.scan import Scan
from crosshash.index.large.shards import BLOCK
from crosshash.mapped import map_array

Kind = Literal["flat", "ivf", "equal"]
AUTO_LARGE = 5_000_000
"""Items from which `auto` builds an index of this kind; below, all fits memory several times over."""
DESCRIPTION = "index.json"
REMEDY = "Build the index again (`dvc repro index` where the index stage made it)."


def large_folder(index: Path, modality: str) -> Path:
    """Say where the folder of an index keeps the codes of a modality if they are many."""
    return index / f"{modality}.codes"


@dataclass(frozen=True)
class LargeIndex:
    """Codes in mapped files under the rows of their items; `crosshash.index.large.build` writes them.

    kind: `flat`, all codes are scanned; `ivf`, those in lists near the query; `equal`, short codes, those of
    one value in a list. packed: uint8[N, W], of `equal` only of the different codes uint8[U, W]; rows: of
    items, None where they are the places; places: of each row in the lists, N where it has no code; starts:
    int64[L + 1] of the lists; centroids: uint8[L, W].
    """

    kind: Kind
    packed: Codes
    rows: NDArray[np.integer] | None
    places: NDArray[np.integer]
    starts: NDArray[np.int64]
    centroids: Codes
    description: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> LargeIndex:
        """Open an index; each file is read once, for its checksum, and then when a search needs it.

        Raises:
            CrosshashError: a file is missing, damaged, or does not fit the others.
        """
        told = read_json(folder / DESCRIPTION)
        items, lists, width = told["items"], told["lists"], told["width"]

        def mapped(name: str, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
            return np.asarray(
                map_array(folder / f"{name}.npy", kind, shape, REMEDY)
            )  # slices of a memmap are slow

        rows = mapped("rows", told["rows"], (items,)) if told["rows"] else None
        places = mapped("places", told["rows"], (told["last"] + 1,)) if lists else np.zeros(0, np.int64)
        starts = mapped("starts", "int64", (lists + 1,)) if lists else np.zeros(1, np.int64)
        centroids = mapped("centroids", "uint8", (lists, width)) if lists else np.zeros((0, width), np.uint8)
        packed = centroids if told["kind"] == "equal" else mapped("codes", "uint8", (items, width))
        index = cls(told["kind"], packed, rows, places, starts, centroids, told)
        _ = index._whole.flats if isinstance(index._whole, Scan) else None  # not by the first query
        return index

    def __len__(self) -> int:
        return int(self.description["items"])

    @property
    def setting(self) -> int | None:
        """Lists that a query looks at, of `ivf`."""
        return self.description.get("nprobe")

    @property
    def remark(self) -> str:
        """Why it is flat though `ivf` was asked for."""
        return str(self.description["remark"])

    def search(self, queries: Codes, top: int, keep: Rows | None = None) -> Found:
        """Find the `top` nearest items of each query, as `CodeIndex.search`; exact but in `ivf` without keep.

        Raises:
            CrosshashError: the index is empty, `top` is below 1, or the codes have another length.
        """
        check_top(len(self), top)
        check_queries(queries, self.centroids.shape[1])
        queries = np.ascontiguousarray(queries)
        if keep is not None:
            rows = self.known(keep)
            return nearest(queries, self.codes_of(rows), rows, top)
        top = min(top, len(self))
        found = over_queries(lambda block: self._whole.nearest(block, top), queries, top, np.int32)
        return self._rows_of(found[0]), found[1]

    def search_real(self, queries: Reals, top: int, keep: Rows | None = None) -> Scored:
        """Find the `top` items of the highest inner product, as `CodeIndex.search_real`.

        Raises:
            CrosshashError: as `search`, or a query is all zeros or not finite.
        """
        check_top(len(self), top)
        queries = checked_reals(queries, self.centroids.shape[1])
        if keep is not None:
            rows = self.known(keep)
            packed, top = self.codes_of(rows), min(top, len(rows))
            return over_queries(lambda block: best(block, packed, rows, top), queries, top, np.float64)
        top = min(top, len(self))
        found = over_queries(lambda block: self._whole.best(block, top), queries, top, np.float64)
        return self._rows_of(found[0]), found[1]

    def blocks(self) -> Iterator[tuple[Codes, Rows]]:
        """Go through all codes uint8[n, W] and their rows int64[n], in the order of the files."""
        for start in range(0, len(self), BLOCK):
            places = np.arange(start, min(start + BLOCK, len(self)))
            rows = places if self.rows is None else self.rows[start : start + BLOCK].astype(np.int64)
            yield self._codes_at(places) if self.kind == "equal" else self.packed[start : start + BLOCK], rows

    def codes_of(self, rows: Rows) -> Codes:
        """Give the codes uint8[..., W] of rows int64[...] that are in the index."""
        return self._codes_at(self._places_of(rows))

    def known(self, rows: Rows) -> Rows:
        """Give those of some rows that are in the index, rising."""
        rows = np.unique(rows)
        places = self._places_of(rows)
        return rows[places < len(self)]

    @cached_property
    def _whole(self) -> Scan | Lists | Distinct:
        if self.kind == "flat" or self.rows is None:
            return Scan(self.packed)
        if self.kind == "ivf":
            return Lists(self.packed, self.rows, self.starts, self.centroids, self.description["nprobe"])
        sizes = np.diff(self.starts)
        there = np.flatnonzero(sizes)
        there = there[np.argsort(self.rows[self.starts[there]])]  # by their first items
        return Distinct(Flat(self.centroids[there]), self.rows, self.starts[there], sizes[there])

    def _rows_of(self, found: Rows) -> Rows:
        """Give the rows of what a scan found; lists know rows themselves."""
        return self.rows[found].astype(np.int64) if self.kind == "flat" and self.rows is not None else found

    def _places_of(self, rows: Rows) -> Rows:
        """Give the places int64[...] of rows, N where a row is not in the index."""
        if self.kind != "flat":
            inside = (rows >= 0) & (rows < len(self.places))
            return np.where(inside, self.places[np.where(inside, rows, 0)].astype(np.int64), len(self))
        if self.rows is None:
            return np.where((rows >= 0) & (rows < len(self)), rows, len(self))
        found = np.searchsorted(self.rows, rows)
        return np.where(self.rows[np.minimum(found, len(self) - 1)] == rows, found, len(self))

    def _codes_at(self, places: Rows) -> Codes:
        if self.kind == "equal":
            places = np.searchsorted(self.starts, places, side="right") - 1
        return np.asarray(self.packed[places])
