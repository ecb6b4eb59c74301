"""Hash codes: packed bits with the ids of the items they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError, listed


def pack(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Pack the signs of values[N, K] into uint8[N, ceil(K/8)], big-endian bit order, 1 = +1, pad bits zero.

    Zero counts as +1, so does -0.0.

    Raises:
        CrosshashError: `values` is not two-dimensional, or holds NaN; the rows are named.
    """
    values = np.asarray(values)
    if values.ndim != 2:
        raise CrosshashError(f"hash codes are packed from values[N, K], not from shape {values.shape}.")
    # The one comparison that is false for NaN alone, without a copy of the whole array.
    unordered = np.flatnonzero((values != values).any(axis=1))
    if unordered.size:
        rows = listed([f"row {row}" for row in unordered])
        raise CrosshashError(f"NaN has no sign; look at what made these rows of the codes:\n{rows}")
    return np.packbits(values >= np.zeros((), values.dtype), axis=1)


def unpack(packed: NDArray[np.uint8], bits: int) -> NDArray[np.int8]:
    """Unpack uint8[N, ceil(K/8)] to int8[N, K] of +-1."""
    signs = np.unpackbits(packed, axis=1, count=bits).view(np.int8)
    signs *= 2
    signs -= 1
    return signs


@dataclass(frozen=True)
class HashCodes:
    """Codes of N items: packed uint8[N, ceil(K/8)] (big-endian bit order, 1 = +1), K bits, ids `<U`[N].

    Raises:
        CrosshashError: shapes, types or pad bits do not fit, or an id stands twice.
    """

    packed: NDArray[np.uint8]
    bits: int
    ids: NDArray[np.str_]

    def __post_init__(self) -> None:
        problems = _problems(self.packed, self.bits, self.ids)
        if problems:
            raise CrosshashError(f"these arrays are no hash codes:\n{listed(problems)}")

    def signs(self) -> NDArray[np.int8]:
        """Give the codes as int8[N, K] of +-1."""
        return unpack(self.packed, self.bits)

    def take(self, rows: NDArray[np.generic]) -> HashCodes:
        """Give the codes of some rows: indices int[M] or a mask bool[N]."""
        return HashCodes(self.packed[rows], self.bits, self.ids[rows])

    def __len__(self) -> int:
        return len(self.packed)


def _problems(packed: NDArray[np.uint8], bits: int, ids: NDArray[np.str_]) -> list[str]:
    """Name everything that is wrong with the three fields."""
    problems: list[str] = []
    width = -(-bits // 8)
    if bits < 1:
        problems.append(f"bits is {bits}; a code has at least 1 bit")
    if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != width:
        problems.append(
            f"packed is {packed.dtype}{list(packed.shape)}; {bits} bits are uint8[N, {width}], see `pack`"
        )
    elif bits % 8 and (packed[:, -1] & (0xFF >> bits % 8)).any():
        rows = np.flatnonzero(packed[:, -1] & (0xFF >> bits % 8))
        problems.append(f"row {rows[0]} has bits set after bit {bits} ({len(rows)} rows); pad bits must be 0")
    if ids.dtype.kind != "U" or ids.shape != packed.shape[:1]:
        problems.append(
            f"ids is {ids.dtype}{list(ids.shape)}; one text per row of packed ({len(packed)}) is needed"
        )
    else:
        values, counts = np.unique(ids, return_counts=True)
        problems += [
            f"id '{value}' stands {count} times"
            for value, count in zip(values, counts, strict=True)
            if count > 1
        ]
    return problems
