"""MATLAB variables written piece by piece: memory does not grow with their size, in the file or not.

Layout: MathWorks, "MAT-File Format", Level 5. What is compressed are, byte by byte, the variables that
scipy.io.savemat writes; it needs several times their size in memory.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosshash.artifacts import atomic_path
from crosshash.checksums import BLANK, seal

LARGEST = 2**31 - 1  # bytes of a variable of this version; readers count them in 32 bits
HEADER = f"MATLAB 5.0 MAT-file, {BLANK}".encode().ljust(116) + bytes(8) + b"\0\1IM"
COLUMNS = 16  # letters of every text laid out at a time, at most
LETTERS = 1 << 22  # of all texts together
ROWS = 1 << 16  # texts laid out at a time
LEVEL = 3  # of zlib; in 2.5 times the time its usual 6 makes captions an eighth smaller
CELLS = 256  # cells packed at a time
HEAD = struct.Struct("<8I2i")

BYTES, UNSIGNED, INTEGERS, UNSIGNED_LONG, MATRIX, COMPRESSED, TEXT = 1, 2, 5, 6, 14, 15, 16
CELL_CLASS, CHAR_CLASS, UINT8_CLASS = 1, 4, 9


@dataclass(frozen=True)
class Variable:
    """A matrix to be written: MATLAB's class, rows and columns, bytes of its content, and these in pieces."""

    kind: int
    shape: tuple[int, int]
    size: int
    pieces: Iterable[bytes]


def write_variable(path: Path, name: str, variable: Variable) -> None:
    """Write a .mat file of version 5 with one compressed variable atomically; equal content, equal bytes."""
    packer = zlib.compressobj(LEVEL)
    with atomic_path(path) as temporary:
        with temporary.open("wb") as file:
            file.write(HEADER + bytes(8))
            named = b"".join(_element(BYTES, len(name), (name.encode(),)))
            file.write(packer.compress(_head(variable.kind, variable.shape, named, variable.size)))
            for piece in variable.pieces:
                file.write(packer.compress(piece))
            file.write(packer.flush())
            size = file.tell() - len(HEADER) - 8
            file.seek(len(HEADER))
            file.write(struct.pack("<2I", COMPRESSED, size))
        seal(temporary, head=True)


def char_matrix(texts: Sequence[str]) -> Variable:
    """Make a char matrix of texts, one in each row, padded with blanks to the longest."""
    width = max(map(len, texts))
    size = sum(len(text.encode()) + width - len(text) for text in texts)
    pieces = _element(TEXT, size, _columns(texts, width))
    return Variable(CHAR_CLASS, (len(texts), width), _element_size(size), pieces)


def char_cells(cells: Sequence[Sequence[str]]) -> Variable:
    """Make a cell array [1, N] of char matrices, in each the texts of an item; a blank where it has none."""
    size = sum(map(_cell_size, cells))
    pieces = (b"".join(map(_cell, cells[start : start + CELLS])) for start in range(0, len(cells), CELLS))
    return Variable(CELL_CLASS, (1, len(cells)), size, pieces)


def byte_matrix(shape: tuple[int, int], columns: Iterable[np.ndarray]) -> Variable:
    """Make a matrix of the shape (N, C) of its columns, uint8[N] each, which are asked for when written."""
    size = shape[0] * shape[1]
    pieces = _element(UNSIGNED, size, (column.tobytes() for column in columns))
    return Variable(UINT8_CLASS, shape, _element_size(size), pieces)


def _head(kind: int, shape: tuple[int, int], named: bytes, size: int) -> bytes:
    """Write what stands before the content of a matrix: size, class, shape, the element with its name."""
    after = HEAD.size - 8 + len(named) + size
    return HEAD.pack(MATRIX, after, UNSIGNED_LONG, 8, kind, 0, INTEGERS, 8, *shape) + named


def _element(kind: int, size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Put kind and size before data, and fill up to whole eight bytes; four bytes fit beside the size."""
    if size <= 4:
        yield struct.pack("<I4s", size << 16 | kind, b"".join(pieces))
        return
    yield struct.pack("<2I", kind, size)
    yield from pieces
    yield bytes(-size % 8)


NAMELESS = b"".join(_element(BYTES, 0, ()))


def _element_size(size: int) -> int:
    return 8 if size <= 4 else 8 + size + -size % 8


def _columns(texts: Sequence[str], width: int) -> Iterator[bytes]:
    """Yield the first letters of all texts, then the second ones, as MATLAB keeps a matrix."""
    wide = max(1, min(COLUMNS, LETTERS // len(texts)))
    block = np.empty(len(texts), f"<U{wide}")
    for start in range(0, width, wide):
        for row in range(0, len(texts), ROWS):
            block[row : row + ROWS] = [
                text[start : start + wide].ljust(wide) for text in texts[row : row + ROWS]
            ]
        letters = block.view(np.uint32).reshape(len(texts), wide)
        for column in range(min(wide, width - start)):
            yield letters[:, column].tobytes().decode("utf-32-le").encode()


def _cell(texts: Sequence[str]) -> bytes:
    """Write the char matrix of an item's texts."""
    texts = texts or (" ",)
    count, width = len(texts), max(map(len, texts))
    letters = [" "] * (width * count)
    for row, text in enumerate(texts):
        letters[row : len(text) * count : count] = text
    data = "".join(letters).encode()
    content = b"".join(_element(TEXT, len(data), (data,)))
    return _head(CHAR_CLASS, (count, width), NAMELESS, len(content)) + content


def _cell_size(texts: Sequence[str]) -> int:
    """Count the bytes of such a matrix without making it."""
    joined = "".join(texts)
    padding = len(texts) * max(map(len, texts)) - len(joined) if texts else 1
    return HEAD.size + len(NAMELESS) + _element_size(len(joined.encode()) + padding)
