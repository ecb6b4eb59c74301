"""Codes as they come, block by block: what an index of many items is built from, in several passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from crosshash.artifacts import missing
from crosshash.errors import CrosshashError
from crosshash.index.exact import Codes, Found, Rows, nearest, ordered

BLOCK = 1 << 20  # codes at once

Blocks = Iterable[tuple[Codes, Rows]]
"""Codes uint8[n, W] and rows int64[n], rising from the first to the last; gone through several times."""


@dataclass(frozen=True)
class CodeShards:
    """Codes in .npy files uint8[n, W], one after the other; their rows are 0 to N - 1."""

    paths: Sequence[Path]

    def __iter__(self) -> Iterator[tuple[Codes, Rows]]:
        """Read a block at a time.

        Raises:
            CrosshashError: a file is missing, damaged, or does not hold packed codes.
        """
        row = 0
        for path in self.paths:
            codes = self._opened(path)
            for start in range(0, len(codes), BLOCK):
                block = np.array(codes[start : start + BLOCK])
                yield block, np.arange(row, row + len(block))
                row += len(block)

    def _opened(self, path: Path) -> Codes:
        try:
            codes: Codes = open_memmap(path, "r")
        except FileNotFoundError:
            raise missing(path) from None
        except (ValueError, OSError, EOFError) as error:
            raise CrosshashError(f"{path}: cannot be read as .npy ({error}). Write it again.") from None
        if codes.dtype != np.uint8 or codes.ndim != 2:
            raise CrosshashError(
                f"{path}: is {codes.dtype}{list(codes.shape)}, not packed codes uint8[N, W]."
            )
        return codes


@dataclass(frozen=True)
class Chosen:
    """The codes at some rows int64[M], rising, of codes uint8[N, W] in memory."""

    packed: Codes
    rows: Rows

    def __iter__(self) -> Iterator[tuple[Codes, Rows]]:
        for start in range(0, len(self.rows), BLOCK):
            rows = self.rows[start : start + BLOCK]
            yield self.packed[rows], rows


def counted(blocks: Blocks) -> tuple[int, int, int]:
    """Go through all blocks once: the number of items, bytes of a code, the highest row (-1: no item).

    Raises:
        CrosshashError: codes of several lengths, not a row for each, or rows that do not rise.
    """
    items, width, last = 0, None, -1
    for packed, rows in blocks:
        if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != (width or packed.shape[1]):
            told = f"{packed.dtype}{list(packed.shape)}, not uint8[N, {width or 'W'}]"
            raise CrosshashError(f"block at item {items}: codes are {told}.")
        if rows.shape != packed.shape[:1] or rows.dtype.kind not in "iu":
            raise CrosshashError(f"block at item {items}: {len(rows)} rows for {len(packed)} codes.")
        if len(rows) and (rows[0] <= last or (np.diff(rows) <= 0).any()):
            raise CrosshashError(f"block at item {items}: rows do not rise from 0 on; sort the codes by row.")
        width = packed.shape[1]
        items, last = items + len(rows), int(rows[-1]) if len(rows) else last
    return items, width or 0, last


def drawn(blocks: Blocks, places: Rows) -> Codes:
    """Gather the codes at some places int64[M], rising, of all that come."""
    found, before = [], 0
    for packed, _ in blocks:
        first, end = np.searchsorted(places, [before, before + len(packed)])
        found.append(packed[places[first:end] - before])
        before += len(packed)
    return np.concatenate(found)


def exact(blocks: Blocks, queries: Codes, top: int) -> Found:
    """Search all codes, block by block: rows int64[Q, T] and distances int32[Q, T], by distance, then row.

    queries: packed uint8[Q, W].
    """
    best = np.zeros((len(queries), 0), np.int64), np.zeros((len(queries), 0), np.int32)
    for packed, rows in blocks:
        found = nearest(queries, packed, rows, top)
        rows_, distances = (np.concatenate([best[part], found[part]], axis=1) for part in (0, 1))
        rows_, distances = ordered(rows_, distances)
        best = rows_[:, :top], distances[:, :top]
    return best
