"""An index of very many codes with changes in memory: answers as one that was written with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.index.asymmetric import Reals, Scored
from crosshash.index.checks import check_top
from crosshash.index.code_index import CodeIndex
from crosshash.index.exact import Codes, Found, Rows
from crosshash.index.large.large_index import LargeIndex

SPARE = 32
"""Places that a search of the files fills beyond those asked for, since some items there may be gone."""


@dataclass(frozen=True)
class GrownLarge:
    """Codes in files, of which rows `gone` int64[M], rising, no longer count, and others in memory.

    No row is in both, but for those that are gone.
    """

    base: LargeIndex
    added: CodeIndex
    gone: Rows

    @classmethod
    def over(cls, base: LargeIndex) -> GrownLarge:
        """Give an index as it is, without changes yet."""
        none = CodeIndex(np.zeros((0, base.centroids.shape[1]), np.uint8), np.zeros(0, np.int64))
        return cls(base, none, np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.base) - len(self.gone) + len(self.added)

    def search(self, queries: Codes, top: int, keep: Rows | None = None) -> Found:
        """Find the `top` nearest items of each query, as `CodeIndex.search`; exact but in `ivf` without keep.

        Raises:
            CrosshashError: the index is empty, `top` is below 1, or the codes have another length.
        """
        return self._both(lambda index, most, kept: index.search(queries, most, kept), top, keep, 1)

    def search_real(self, queries: Reals, top: int, keep: Rows | None = None) -> Scored:
        """Find the `top` items of the highest inner product, as `CodeIndex.search_real`.

        Raises:
            CrosshashError: as `search`, or a query is all zeros or not finite.
        """
        return self._both(lambda index, most, kept: index.search_real(queries, most, kept), top, keep, -1)

    def known(self, rows: Rows) -> Rows:
        """Give those of some rows that are in the index, rising."""
        rows = np.unique(rows)
        return np.union1d(
            np.setdiff1d(self.base.known(rows), self.gone), rows[np.isin(rows, self.added.rows)]
        )

    def codes_of(self, rows: Rows) -> Codes:
        """Give the codes uint8[..., W] of rows int64[...] that are in the index."""
        own = np.isin(rows, self.added.rows)
        found = np.empty((*rows.shape, self.added.packed.shape[1]), np.uint8)
        found[own] = self.added.codes_of(rows[own])
        found[~own] = self.base.codes_of(rows[~own])
        return found

    def changed(self, packed: Codes, rows: Rows, changed: Rows) -> GrownLarge:
        """Give it without the rows `changed`, and with codes uint8[n, W] under `rows` int64[n]."""
        left = ~np.isin(self.added.rows, changed)
        added = CodeIndex.build(
            np.concatenate([self.added.packed[left], packed]), np.concatenate([self.added.rows[left], rows])
        )
        return GrownLarge(self.base, added, np.union1d(self.gone, self.base.known(changed)))

    def _both(
        self,
        search: Callable[[Any, int, Rows | None], tuple[Rows, NDArray[Any]]],
        top: int,
        keep: Rows | None,
        sign: int,
    ) -> tuple[Rows, NDArray[Any]]:
        """Merge what both hold by value, then row."""
        check_top(len(self), top)
        kept = None if keep is None else np.setdiff1d(keep, self.gone)
        rows, values = self._left(search, min(top, len(self.base) - len(self.gone)), kept)
        if len(self.added):
            own = search(self.added, top, keep)
            rows, values = (np.concatenate(pair, axis=1) for pair in zip((rows, values), own, strict=True))
        order = np.lexsort((rows, sign * values), axis=-1)[:, :top]
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(values, order, axis=1)

    def _left(
        self,
        search: Callable[[Any, int, Rows | None], tuple[Rows, NDArray[Any]]],
        top: int,
        keep: Rows | None,
    ) -> tuple[Rows, NDArray[Any]]:
        """Search the files until `top` items of each query are found that are not gone."""
        if keep is not None or not len(self.gone):
            return search(self.base, max(top, 1), keep)
        most = min(top + SPARE, len(self.base))
        while True:
            rows, values = search(self.base, most, None)
            stays = ~np.isin(rows, self.gone)
            if stays.sum(axis=1).min(initial=top) >= top:
                break
            most = min(2 * most, len(self.base))
        first = np.argsort(~stays, axis=1, kind="stable")[:, :top]
        return np.take_along_axis(rows, first, axis=1), np.take_along_axis(values, first, axis=1)
