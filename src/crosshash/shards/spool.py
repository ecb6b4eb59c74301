"""Pictures prepared and set aside on disk, so that a data set of any size passes through little memory.

Each process that prepares pictures appends them to a file of its own; where they lie is kept in arrays.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from crosshash.formats.pixel_rows import PixelRows
from crosshash.shards.checked_images import BadImageError, Check, encode_pixels, prepare_image


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `start` to `start + size` of a file."""

    path: str
    start: int
    size: int

    def read(self) -> bytes:
        """Read them.

        Raises:
            OSError: the file is not there or ends too early.
        """
        with open(self.path, "rb", buffering=0) as file:
            file.seek(self.start)
            data = file.read(self.size)
        if len(data) < self.size:
            raise OSError(f"{self.path} ends before byte {self.start + self.size}")
        return data


class Pieces:
    """Where each of so many pictures lies: three numbers per picture."""

    def __init__(self, count: int) -> None:
        self.paths: list[str] = []
        self.file: NDArray[np.int32] = np.zeros(count, dtype=np.int32)
        self.start: NDArray[np.int64] = np.zeros(count, dtype=np.int64)
        self.size: NDArray[np.int64] = np.zeros(count, dtype=np.int64)

    def __setitem__(self, number: int, piece: Piece) -> None:
        if piece.path not in self.paths:  # there is one per process
            self.paths.append(piece.path)
        self.file[number] = self.paths.index(piece.path)
        self.start[number] = piece.start
        self.size[number] = piece.size

    def __getitem__(self, number: int) -> Piece:
        return Piece(self.paths[self.file[number]], int(self.start[number]), int(self.size[number]))

    def only(self, numbers: Sequence[int]) -> Self:
        """Keep some, numbered anew."""
        kept = type(self)(len(numbers))
        kept.paths = self.paths
        kept.file, kept.start, kept.size = self.file[numbers], self.start[numbers], self.size[numbers]
        return kept


def spool_files(
    files: Sequence[tuple[Path, str | None]], folder: Path, max_side: int, check: Check
) -> list[Piece | BadImageError]:
    """Prepare picture files and set them aside in `folder`; a bad one gives its error in its place.

    files: path, and sha256 as it was recorded.
    """

    def prepared(file: tuple[Path, str | None]) -> bytes | BadImageError:
        try:
            return prepare_image(file[0], max_side, check, file[1])
        except BadImageError as error:
            return error

    return _set_aside(folder, map(prepared, files))


def spool_pixels(rows: range, pixels: PixelRows, folder: Path, max_side: int) -> list[Piece | BadImageError]:
    """Turn rows of a .mat file into JPEG and set them aside in `folder`."""
    from crosshash.formats.pixel_rows import read_pixel_rows  # with scipy and more, for this kind alone

    block = read_pixel_rows(pixels, rows.start, rows.stop)
    return _set_aside(folder, (encode_pixels(picture, max_side) for picture in block))


def _set_aside(folder: Path, pictures: Iterable[bytes | BadImageError]) -> list[Piece | BadImageError]:
    """Append to the file of this process."""
    path = folder / str(os.getpid())
    done: list[Piece | BadImageError] = []
    with path.open("ab") as file:
        start = file.tell()
        for picture in pictures:
            if isinstance(picture, BadImageError):
                done.append(picture)
                continue
            file.write(picture)
            done.append(Piece(str(path), start, len(picture)))
            start += len(picture)
    return done
