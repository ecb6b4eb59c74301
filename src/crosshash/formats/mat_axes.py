"""Axes in .mat files of version 5, looked at before scipy (1.17.1) reads them, which trusts them.

Layout: MathWorks, "MAT-File Format", Level 5. Compressed variables are checked by zlib.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

HEADER = 128  # bytes; its last two say the order of bytes
ORDERS = {b"IM": "<", b"MI": ">"}
MATRIX, COMPRESSED = 14, 15
CELL = 1
WITH_AXES = {CELL, *range(4, 16)}  # cells, texts, sparse matrices and numbers
TWO_AXES = 8  # bytes


def check_axes(path: Path) -> None:
    """Look at every variable and every cell that is not compressed.

    Raises:
        ValueError: one has fewer than two axes, which MATLAB's arrays have at least.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        order = ORDERS.get(data[HEADER - 2 : HEADER])
        if order:  # version 4 has no such header
            _elements(data, HEADER, len(data), order)


def _elements(data: mmap.mmap, start: int, stop: int, order: str) -> None:
    while start + 8 <= stop:
        kind, size, begin = _tag(data, start, order)
        if kind == MATRIX and size:
            _matrix(data, begin, min(begin + size, stop), order)
        start = _after(start, begin, size, padded=kind != COMPRESSED)


def _matrix(data: mmap.mmap, start: int, stop: int, order: str) -> None:
    """Look at the axes of an array, and into its cells: flags stand first, then axes, then the name."""
    if start + 24 > stop:
        return  # cut: scipy says so
    (flags,) = struct.unpack_from(f"{order}I", data, start + 8)
    if flags & 0xFF not in WITH_AXES:
        return
    _, size, begin = _tag(data, start + 16, order)
    if size < TWO_AXES:
        raise ValueError("a variable has fewer than two axes")
    name = _after(start + 16, begin, size)
    if flags & 0xFF == CELL and name + 8 <= stop:
        _, size, begin = _tag(data, name, order)
        _elements(data, _after(name, begin, size), stop, order)


def _tag(data: mmap.mmap, start: int, order: str) -> tuple[int, int, int]:
    """Give kind, bytes and beginning of an element; up to four bytes stand within its tag."""
    kind, size = struct.unpack_from(f"{order}2I", data, start)
    return (kind & 0xFFFF, kind >> 16, start + 4) if kind >> 16 else (kind, size, start + 8)


def _after(start: int, begin: int, size: int, padded: bool = True) -> int:
    """Say where the next element begins."""
    return start + 8 if begin == start + 4 else begin + size + (-size % 8 if padded else 0)
