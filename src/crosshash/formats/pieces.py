"""Parts of files: where each of many pictures lies, in a file set aside or in a tar."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


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
        self.numbers: dict[str, int] = {}
        self.file: NDArray[np.int32] = np.zeros(count, dtype=np.int32)
        self.start: NDArray[np.int64] = np.zeros(count, dtype=np.int64)
        self.size: NDArray[np.int64] = np.zeros(count, dtype=np.int64)

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> Self:
        """Keep pieces of which nobody knows how many will come."""
        file, start, size, made = array("i"), array("q"), array("q"), cls(0)
        for piece in pieces:
            file.append(made._number(piece.path))
            start.append(piece.start)
            size.append(piece.size)
        made.file, made.start, made.size = (np.array(numbers) for numbers in (file, start, size))
        return made

    def __len__(self) -> int:
        return len(self.file)

    def __setitem__(self, place: int, piece: Piece) -> None:
        self.file[place] = self._number(piece.path)
        self.start[place] = piece.start
        self.size[place] = piece.size

    def __getitem__(self, place: int) -> Piece:
        return Piece(self.paths[self.file[place]], int(self.start[place]), int(self.size[place]))

    def only(self, places: Sequence[int]) -> Self:
        """Keep some, numbered anew."""
        kept = type(self)(0)
        kept.paths, kept.numbers = self.paths, self.numbers
        kept.file, kept.start, kept.size = self.file[places], self.start[places], self.size[places]
        return kept

    def _number(self, path: str) -> int:
        if path not in self.numbers:
            self.numbers[path] = len(self.paths)
            self.paths.append(path)
        return self.numbers[path]
