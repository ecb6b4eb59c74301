"""Variables in .mat files of version 5 to 7, listed and looked through before scipy (1.17.1) reads them.

scipy trusts types, counts and axes, and ends the process where they are damaged. So every element that it
would read is passed in the same order; numbers and letters themselves are not looked at.
Layout: MathWorks, "MAT-File Format", Level 5.
"""

from __future__ import annotations

import io
import math
import os
import struct
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, NamedTuple

from crosshash.formats.matlab.mat_text import DEEPEST

HEADER = 128  # bytes; the last two say the order of bytes
ORDERS = {b"IM": "<", b"MI": ">"}
UNSIGNED, MATRIX, COMPRESSED = 6, 14, 15
WHOLE = (5, 6)  # types of elements: whole numbers of 32 bits
NAMES = (1, 2, 16)  # bytes, UTF-8
DATA = (*range(1, 8), 9, 12, 13, 16, 17, 18)  # numbers and letters
NUMBERS = "double single int8 uint8 int16 uint16 int32 uint32 int64 uint64"
CLASSES = dict(enumerate(("cell", "struct", "object", "char", "sparse", *NUMBERS.split()), start=1)) | {
    16: "function",
    17: "opaque",
    18: "object",
}
PLAIN = {4, *range(6, 16)}  # text and full matrices of numbers
NOT_READ = ("struct", "object", "function", "opaque")
COMPLEX, LOGICAL = 0x800, 0x200
MOST_AXES, LONGEST_NAME = 32, 4096
PIECE = 1 << 16  # bytes inflated at a time
LARGEST_CELL = 1 << 20  # bytes that are looked at at once


class Head(NamedTuple):
    """What stands before the content of an array."""

    name: str
    shape: tuple[int, ...]
    kind: str
    is_complex: bool
    is_logical: bool


def list_variables(path: Path) -> list[tuple[str, tuple[int, ...], str]]:
    """Give name, shape in MATLAB's order (of text: without the letters) and class of each variable.

    The class is as scipy's whosmat says it, or `mixed` for a cell array that holds structs, objects or
    functions.

    Raises:
        ValueError: the file is cut, or an array is none that MATLAB writes.
    """
    found = []
    with path.open("rb") as file:
        order = ORDERS.get(file.read(HEADER)[-2:])
        if order is None:
            raise ValueError("its header says no order of bytes")
        end = os.fstat(file.fileno()).st_size
        while (start := file.tell()) < end:
            kind, size = struct.unpack(f"{order}2I", file.read(8).ljust(8))
            if not 0 < size <= end - start - 8:
                raise ValueError("it is cut, or a size in it is damaged")
            if kind == COMPRESSED:
                inflated = io.BufferedReader(_Inflated(file, size), PIECE)
                found.append(_Elements(inflated, order).variable())
            else:
                file.seek(start)
                found.append(_Elements(file, order, start + 8 + size).variable())
            file.seek(start + 8 + size)
    return found


class _Inflated(io.RawIOBase):
    """The content of a compressed element."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left, self._packed = file, size, zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = b""
        while not data and not self._packed.eof:
            given = self._packed.unconsumed_tail
            if not given:
                given = self._file.read(min(self._left, PIECE))
                self._left -= len(given)
            data = self._packed.decompress(given, len(buffer))
            if not given and not data:
                break
        buffer[: len(data)] = data
        return len(data)


class _Elements:
    """Elements one after the other, to the end of the stream or to `stop`."""

    def __init__(self, stream: BinaryIO | io.BufferedReader, order: str, stop: int = 0) -> None:
        self._stream, self._order, self._stop = stream, order, stop
        self._pair, self._usual = struct.Struct(f"{order}2I"), struct.Struct(f"{order}12I")

    def variable(self) -> tuple[str, tuple[int, ...], str]:
        """Look through one; give its name, shape and class."""
        self._begin((MATRIX,))
        head = self._head()
        if head.kind not in NOT_READ and not self._content(head, 0):
            return head.name, head.shape, "mixed"
        shape = head.shape[:-1] if head.kind == "char" else head.shape
        return head.name, shape, "logical" if head.is_logical else head.kind

    def _head(self) -> Head:
        flags, _ = self._pair.unpack(self._taken((UNSIGNED,), 8).ljust(8, b"\0"))
        kind = CLASSES.get(flags & 0xFF)
        if kind is None:
            raise ValueError(f"a variable is of class {flags & 0xFF}, which MATLAB does not have")
        shape: tuple[int, ...] = ()
        if kind != "opaque":
            sizes = self._taken(WHOLE, 4 * MOST_AXES)
            shape = struct.unpack(f"{self._order}{len(sizes) // 4}i", sizes[: len(sizes) // 4 * 4])
            if len(shape) < 2:
                raise ValueError("a variable has fewer than two axes")
            if min(shape) < 0:
                raise ValueError("a variable has a negative size")
        name = self._taken(NAMES, LONGEST_NAME).decode("latin1")
        return Head(name, shape, kind, bool(flags & COMPLEX), bool(flags & LOGICAL))

    def _content(self, head: Head, depth: int) -> bool:
        """Pass over what an array holds; False as soon as a cell holds something that is never read."""
        if head.kind == "cell":
            if depth == DEEPEST:
                raise ValueError(f"cells nested more than {DEEPEST} deep")
            return all(self._cell(depth + 1) for _ in range(math.prod(head.shape)))
        parts = 3 if head.kind == "sparse" else 1
        for _ in range(parts - 1 + (head.is_complex and head.kind != "char")):
            self._passed(self._begin(DATA)[0])
        size, _ = self._begin(DATA)
        if depth or self._stop:  # numbers that are packed are not unpacked for this
            self._passed(size)
        return True

    def _cell(self, depth: int) -> bool:
        size, _ = self._begin((MATRIX,))
        if size > LARGEST_CELL:
            return self._inner(depth)
        data = self._exactly(size)
        if size == 0 or self._is_usual(data):
            return True
        alone = _Elements(io.BytesIO(data), self._order, size)
        if not alone._inner(depth):
            return False
        if alone._stream.read(1):
            raise ValueError("a cell is shorter than its size says")
        return True

    def _inner(self, depth: int) -> bool:
        head = self._head()
        return head.kind not in NOT_READ and self._content(head, depth)

    def _is_usual(self, data: bytes) -> bool:
        """Whether a cell is a text or numbers, of two axes, without a name: of many cells, nearly all are."""
        if len(data) < self._usual.size:
            return False
        flags_kind, four, flags, _, axes_kind, eight, rows, columns, name, none, kind, size = (
            self._usual.unpack_from(data)
        )
        small = kind >> 16
        return (
            (flags_kind, four, axes_kind, eight, name, none) == (UNSIGNED, 8, 5, 8, 1, 0)
            and flags & 0xFF in PLAIN
            and not flags & COMPLEX
            and max(rows, columns) < 1 << 31
            and kind & 0xFFFF in DATA
            and (small <= 4 and len(data) == 48 if small else len(data) == 48 + size + -size % 8)
        )

    def _begin(self, kinds: Collection[int]) -> tuple[int, bytes]:
        """Read a tag: bytes that follow, or, up to four of them, those within the tag."""
        tag = self._exactly(8)
        kind, size = self._pair.unpack(tag)
        small, kind = kind >> 16, kind & 0xFFFF
        if kind not in kinds or small > 4 or (small and kind == MATRIX):
            raise ValueError(f"an element of type {kind} stands where there can be none")
        return (0, tag[4 : 4 + small]) if small else (size, b"")

    def _taken(self, kinds: Collection[int], largest: int) -> bytes:
        size, data = self._begin(kinds)
        if size > largest:
            raise ValueError(f"an element has {size} bytes where {largest} are the most")
        data = data or self._exactly(size)
        self._stream.read(-size % 8)  # up to whole eight bytes
        return data

    def _passed(self, size: int) -> None:
        if self._stop:
            if self._stream.tell() + size > self._stop:
                raise ValueError("an array is longer than its variable")
            self._stream.seek(size, os.SEEK_CUR)
        else:
            for start in range(0, size, PIECE):
                self._exactly(min(PIECE, size - start))
        self._stream.read(-size % 8)

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise ValueError("it is cut, or a size in it is damaged")
        return data
