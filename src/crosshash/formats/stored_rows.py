"""Large matrices of .npz files, read row by row where they lie there uncompressed, as by numpy.savez."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.lib import format as npy

LARGE = 1 << 26
"""Bytes of a matrix up to which it is read whole."""
BLOCK = 1 << 22
"""Bytes read together."""
LOCAL = struct.Struct("<26x2H")  # of a member's own header: lengths of its name and of its extra field


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row, which is read when it is written elsewhere: a shard of them takes no memory."""

    rows: StoredRows
    place: int

    @property
    def shape(self) -> tuple[int]:
        """Of the vector."""
        return (self.rows.shape[1],)

    def read(self) -> np.ndarray:
        """Read float32[D]."""
        return self.rows[self.place]


class StoredRows:
    """The rows of a matrix in a file: float32[N, D], whatever kind of number the file holds."""

    def __init__(
        self,
        path: Path,
        start: int,
        shape: tuple[int, int],
        kind: np.dtype[Any],
        rows: np.ndarray | None = None,
    ) -> None:
        """start: byte of the first number; shape: of the matrix in the file; rows: those that are meant."""
        self.told = (path, start, shape, kind, rows)
        self.file = path.open("rb", buffering=0)
        self.start, self.kind, self.rows = start, kind, rows
        self.size = shape[1] * kind.itemsize
        self.shape = (shape[0] if rows is None else len(rows), shape[1])

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        """Open the file anew in another process."""
        return type(self), self.told

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, row: int) -> np.ndarray:
        place = row if self.rows is None else int(self.rows[row])
        vector: np.ndarray = self._read(place, 1)[0]
        return vector

    def take(self, rows: np.ndarray) -> StoredRows:
        """Give some rows, int[M], still in the file."""
        path, start, shape, kind, mine = self.told
        return StoredRows(path, start, shape, kind, rows if mine is None else mine[rows])

    def blocks(self) -> Iterator[np.ndarray]:
        """Read all rows, some megabytes at a time."""
        step = max(BLOCK // self.size, 1)
        for start in range(0, len(self), step):
            if self.rows is None:
                yield self._read(start, min(step, len(self) - start))
            else:
                places = self.rows[start : start + step].tolist()
                yield np.concatenate([self._read(place, 1) for place in places])

    def _read(self, row: int, count: int) -> np.ndarray:
        data = os.pread(self.file.fileno(), count * self.size, self.start + row * self.size)
        numbers = np.frombuffer(data, self.kind).reshape(count, self.shape[1])
        with np.errstate(over="ignore"):
            found: np.ndarray = numbers.astype(np.float32)
        return found


def large_matrices(path: Path, keys: Iterable[str]) -> dict[str, StoredRows]:
    """Find the large matrices of real numbers in an .npz file that can be read where they lie.

    Raises:
        zipfile.BadZipFile: the file is damaged: one of them differs from its checksum.
    """
    found: dict[str, StoredRows] = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        members = {info.filename: info for info in archive.infolist()}
        for key in keys:
            info = members.get(f"{key}.npy")
            if info is None or info.compress_type != zipfile.ZIP_STORED or info.file_size <= LARGE:
                continue
            with archive.open(info) as member:
                read = (
                    npy.read_array_header_1_0
                    if npy.read_magic(member) == (1, 0)
                    else npy.read_array_header_2_0
                )
                shape, fortran, kind = read(member)
                header = member.tell()
            if len(shape) == 2 and not fortran and kind.kind in "fiu":
                file.seek(info.header_offset)
                first = info.header_offset + LOCAL.size + sum(LOCAL.unpack(file.read(LOCAL.size)))
                _check(path, file.fileno(), first, info)
                found[key] = StoredRows(path, first + header, shape, kind)
    return found


def _check(path: Path, file: int, first: int, info: zipfile.ZipInfo) -> None:
    """Compare a member with its checksum, as reading it by zipfile does."""
    crc = 0
    for start in range(0, info.file_size, BLOCK):
        crc = zlib.crc32(os.pread(file, min(BLOCK, info.file_size - start), first + start), crc)
    if crc != info.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")
