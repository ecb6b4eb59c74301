"""Byte strings set aside on disk, so that a data set of any size passes through little memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self


class Spool:
    """A file without a name in `folder`: strings are appended, and read back by number."""

    def __init__(self, folder: Path) -> None:
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self.ends = [0]

    def append(self, data: bytes) -> None:
        """Add a string at the end."""
        self.file.seek(self.ends[-1])
        self.file.write(data)
        self.ends.append(self.ends[-1] + len(data))

    def __getitem__(self, number: int) -> bytes:
        self.file.seek(self.ends[number])
        return self.file.read(self.ends[number + 1] - self.ends[number])

    def __enter__(self) -> Self:
        """Use it as a context: its space on disk is given back at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, which nothing else can open."""
        self.file.close()
