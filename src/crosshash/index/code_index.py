"""An index over hash codes, asked by codes or by real-valued queries; it can be saved, grown and filtered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from crosshash.errors import CrosshashError, listed
from crosshash.index.asymmetric import Reals, Scored, best
from crosshash.index.checks import check_codes, check_queries, check_top, checked_reals
from crosshash.index.distinct import Distinct, flat_or_distinct
from crosshash.index.exact import Codes, Found, Rows, nearest, over_queries
from crosshash.index.flat import Flat
from crosshash.index.index_file import read_index, write_index
from crosshash.index.real_lists import search_lists
from crosshash.index.recall import tuned
from crosshash.index.structures import Structure

AUTO_IVF = 200_000
"""Items from which `auto` takes ivf; below, an exact search of 64 bits takes at most 0.2 ms."""


@dataclass
class CodeIndex:
    """Codes uint8[N, W] under the rows int64[N] of their items, rising; no row stands twice.

    structure: for approximate search; remark: why there is none though one was asked for; mapped: keeps the
    file of a mapped index open. Searches may share threads, but not with `add` and `remove`.
    """

    packed: Codes
    rows: Rows
    structure: Structure | None = None
    remark: str = ""
    mapped: Any = None

    @classmethod
    def build(
        cls,
        packed: Codes,
        rows: Rows,
        kind: Literal["flat", "ivf", "hnsw", "multihash", "auto"] = "flat",
        queries: Codes | None = None,
        seed: int = 0,
    ) -> CodeIndex:
        """Index codes uint8[N, ceil(K/8)], pad bits 0, under their rows int64[N]; see docs/search.md.

        queries: packed uint8[Q, W] like those to come, by which an approximate kind chooses how much work it
        does; without any, some codes. Where it would miss too much, the index is flat; `remark` says why.

        Raises:
            CrosshashError: codes and rows do not fit, or a row stands twice.
        """
        check_codes(packed, rows, packed.shape[-1], np.zeros(0, np.int64))
        packed, rows = _rising(packed, rows)
        if kind == "auto":
            kind = "flat" if len(rows) < AUTO_IVF else "ivf"
        if kind == "flat":
            return cls(packed, rows)
        return cls(packed, rows, *tuned(kind, packed, rows, queries, seed))

    @classmethod
    def load(cls, path: Path, mapped: bool = False) -> CodeIndex:
        """Read an index file; `mapped`: what a search needs is read when it needs it, and nothing can change.

        Raises:
            CrosshashError: the file is missing, cut, or no index of this project.
        """
        packed, rows, structure, held = read_index(path, mapped)
        return cls(*_rising(packed, rows), structure, mapped=held)

    def save(self, path: Path) -> None:
        """Write the index atomically."""
        write_index(path, self.packed, self.rows, self.structure)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def kind(self) -> str:
        """What the index is: flat, ivf, hnsw or multihash."""
        return "flat" if self.structure is None else self.structure.kind

    def search(self, queries: Codes, top: int, keep: Rows | None = None) -> Found:
        """Find the `top` nearest items of each query, or all when there are fewer.

        queries: packed uint8[Q, ceil(K/8)]; keep: rows int64[M] that may be found, all without it. Gives rows
        int64[Q, T] and distances int32[Q, T], ordered by distance, then row. Exact in a flat index, and with
        `keep` in any: then also which items of a tie are cut off at the end is settled by the row.

        Raises:
            CrosshashError: the index is empty, `top` is below 1, or the codes have another length.
        """
        check_top(len(self), top)
        check_queries(queries, self.packed.shape[1])
        queries = np.ascontiguousarray(queries)
        if keep is not None:
            chosen = np.flatnonzero(np.isin(self.rows, keep))
            return nearest(queries, self.packed[chosen], self.rows[chosen], top)
        top = min(top, len(self))
        if self.structure is None:
            places, distances = over_queries(
                lambda block: self.flat.nearest(block, top), queries, top, np.int32
            )
            return self.rows[places], distances
        return self._approximate(self.structure, queries, top)

    def search_real(self, queries: Reals, top: int, keep: Rows | None = None) -> Scored:
        """Find the `top` items whose +-1 codes have the highest inner product with each real-valued query.

        queries: float[Q, K], the outputs before the sign, as long as the codes; keep: as of `search`. Gives
        rows int64[Q, T] and scores float64[Q, T], ordered by falling score, then row. Exact with `keep` and
        where many codes are looked up compiled (`Flat`); else candidates are found by tables rounded to 8
        bits, or in the lists of ivf, and scored exactly. Graphs and tables of hnsw and multihash know Hamming
        distance alone: there all codes are gone through.

        Raises:
            CrosshashError: as `search`, or a query is all zeros or not finite.
        """
        check_top(len(self), top)
        queries = checked_reals(queries, self.packed.shape[1])
        if keep is not None:
            chosen = np.flatnonzero(np.isin(self.rows, keep))
            return self._best(queries, min(top, len(chosen)), chosen)
        top = min(top, len(self))
        if self.structure is not None and self.structure.kind == "ivf":
            return self._listed(self.structure, queries, top)
        places, scores = over_queries(lambda block: self.flat.best(block, top), queries, top, np.float64)
        return self.rows[places], scores

    def codes_of(self, rows: Rows) -> Codes:
        """Give the codes uint8[..., W] of rows int64[...] that are in the index."""
        return self.packed[np.searchsorted(self.rows, rows)]

    def known(self, rows: Rows) -> Rows:
        """Give those of some rows that are in the index, rising."""
        return np.intersect1d(self.rows, rows)

    @cached_property
    def flat(self) -> Flat | Distinct:
        """All codes as the scan reads them, laid out by the first search that goes through all."""
        return flat_or_distinct(self.packed)

    def add(self, packed: Codes, rows: Rows) -> None:
        """Take in more codes uint8[N, W] under new rows int64[N]; nothing is learned anew.

        Raises:
            CrosshashError: codes and rows do not fit, a row is there already, or the index is mapped.
        """
        self._check_change()
        check_codes(packed, rows, self.packed.shape[1], self.rows)
        if self.structure is not None and len(rows):
            self.structure.add(packed, rows)
        self.packed, self.rows = _rising(
            np.concatenate([self.packed, packed]), np.concatenate([self.rows, rows])
        )
        self.__dict__.pop("flat", None)

    def remove(self, rows: Rows) -> None:
        """Drop the items of some rows int64[M].

        Raises:
            CrosshashError: a row is not there, or the index is mapped.
        """
        self._check_change()
        strangers = rows[~np.isin(rows, self.rows)]
        if len(strangers):
            raise CrosshashError(f"the index has no such rows:\n{listed([str(row) for row in strangers])}")
        left = ~np.isin(self.rows, rows)
        self.packed, self.rows = self.packed[left], self.rows[left]
        self.__dict__.pop("flat", None)
        if self.structure is not None:
            self.structure = self.structure.without(rows, self.packed, self.rows)

    def change(self, packed: Codes, rows: Rows, changed: Rows) -> None:
        """Drop what there is under the rows `changed`, then take in codes uint8[N, W] under some of these.

        Raises:
            CrosshashError: codes and rows do not fit, or the index is mapped.
        """
        self._check_change()
        check_codes(packed, rows, self.packed.shape[1], np.zeros(0, np.int64))
        changed = np.union1d(changed, rows)
        at = np.searchsorted(self.rows, changed)
        inside = at < len(self)
        gone = at[inside][self.rows[at[inside]] == changed[inside]]
        left = np.ones(len(self), np.bool_)
        left[gone] = False
        stay, their_rows = self.packed[left], self.rows[left]
        if self.structure is not None and len(gone):
            self.structure = self.structure.without(self.rows[gone], stay, their_rows)
        if self.structure is not None and len(rows):
            self.structure.add(packed, rows)
        self.packed, self.rows = _rising(np.concatenate([stay, packed]), np.concatenate([their_rows, rows]))
        self.__dict__.pop("flat", None)

    def _approximate(self, structure: Structure, queries: Codes, top: int) -> Found:
        """Search the structure, and exactly for the queries for which it finds too few items."""
        rows, distances = over_queries(lambda block: structure.search(block, top), queries, top, np.int32)
        short = np.flatnonzero((rows < 0).any(axis=1))
        if len(short):
            rows[short], distances[short] = nearest(queries[short], self.packed, self.rows, top)
        return rows, distances

    def _listed(self, structure: Structure, queries: Reals, top: int) -> Scored:
        """Search the lists of ivf, and all codes for the queries whose lists hold too few items."""
        rows, scores = over_queries(
            lambda block: search_lists(structure, block, top), queries, top, np.float64
        )
        short = np.flatnonzero((rows < 0).any(axis=1))
        if len(short):
            rows[short], scores[short] = self._best(queries[short], top, slice(None))
        return rows, scores

    def _best(self, queries: Reals, top: int, chosen: Rows | slice) -> Scored:
        """Score the codes at some places exactly."""
        packed, rows = self.packed[chosen], self.rows[chosen]
        return over_queries(lambda block: best(block, packed, rows, top), queries, top, np.float64)

    def _check_change(self) -> None:
        if self.mapped is not None:
            raise CrosshashError("a mapped index cannot be changed; load it without mapping.")


def _rising(packed: Codes, rows: Rows) -> tuple[Codes, Rows]:
    """Order codes by their rows."""
    rows = rows.astype(np.int64, copy=False)
    if not (rows[1:] > rows[:-1]).all():
        order = np.argsort(rows)
        packed, rows = packed[order], rows[order]
    return np.ascontiguousarray(packed), rows
