"""Pictures prepared and set aside on disk, so that a data set of any size passes through little memory.

A file holds those of some rows one after the other, then JSON that says where each ends or why there is none,
then the length of that JSON and the checksum of the whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crosshash.artifacts import atomic_path
from crosshash.checksums import BLANK, seal
from crosshash.errors import CrosshashError
from crosshash.formats.pieces import Piece
from crosshash.formats.pixel_rows import PixelRows
from crosshash.shards.checked_images import (
    BadImageError,
    ChangedImageError,
    Check,
    encode_pixels,
    prepare_bytes,
    prepare_image,
)
from crosshash.workers.units import Advance, Make

Picture = tuple[Path, str | None] | Piece | bytes | str
"""A file, with its sha256 as it was recorded; a part of a file; the content itself; or why there is none."""


LENGTH = 12
"""Digits of the length of a file's JSON."""


@dataclass(frozen=True)
class Spooling:
    """Preparation of pictures as work that is sent to other processes.

    pixels: where the pictures are rows of a .mat file; else each unit is given its own (`Picture`).
    """

    max_side: int
    check: Check
    pixels: PixelRows | None = None

    def ready(self) -> Make:
        """Load nothing: pictures come with their unit, or by the rows of theirs."""
        return self._spool

    def _spool(self, given: range | Sequence[Picture], path: Path, advance: Advance) -> None:
        pictures = self._pixel_rows(given) if isinstance(given, range) else map(self._prepared, given)
        write_spool(path, pictures, advance)

    def _pixel_rows(self, rows: range) -> Iterator[bytes]:
        from crosshash.formats.pixel_rows import read_pixel_rows  # with scipy and more, for this kind alone

        assert self.pixels is not None  # noqa: S101 - rows are given of nothing else
        for picture in read_pixel_rows(self.pixels, rows.start, rows.stop):
            yield encode_pixels(picture, self.max_side)

    def _prepared(self, picture: Picture) -> bytes | BadImageError:
        try:
            if isinstance(picture, tuple):
                return prepare_image(picture[0], self.max_side, self.check, picture[1])
            return prepare_bytes(_content(picture), self.max_side, self.check)
        except BadImageError as error:
            return error


def write_spool(path: Path, pictures: Iterable[bytes | BadImageError], advance: Advance) -> None:
    """Set pictures aside in a file, one at a time, whole or not at all; a bad one leaves its error."""
    ends: list[int] = []
    bad: dict[int, tuple[bool, str]] = {}
    end = 0
    with atomic_path(path) as temporary:
        with temporary.open("wb") as file:
            for row, picture in enumerate(pictures):
                if isinstance(picture, BadImageError):
                    bad[row] = (isinstance(picture, ChangedImageError), str(picture))
                else:
                    end += file.write(picture)
                ends.append(end)
                advance(1)
            told = json.dumps({"ends": ends, "bad": bad}).encode()
            file.write(told + f"{len(told):0{LENGTH}}{BLANK}".encode())
        seal(temporary)


def read_spool(path: Path) -> list[Piece | BadImageError]:
    """Say where the pictures of a file lie, in order; a bad one gives its error in its place.

    Raises:
        CrosshashError: the file is not there, or cut.
    """
    tail = LENGTH + len(BLANK)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(size - tail)
            length = int(file.read(LENGTH))
            file.seek(size - tail - length)
            told = json.loads(file.read(length))
    except (OSError, ValueError) as error:
        raise CrosshashError(f"{path}: cannot be read ({error}). Delete it and run `dvc repro`.") from None
    found: list[Piece | BadImageError] = []
    start = 0
    for row, end in enumerate(told["ends"]):
        if str(row) in told["bad"]:
            changed, reason = told["bad"][str(row)]
            found.append(ChangedImageError(reason) if changed else BadImageError(reason))
        else:
            found.append(Piece(str(path), start, end - start))
        start = end
    return found


def _content(picture: Piece | bytes | str) -> bytes:
    if isinstance(picture, str):
        raise BadImageError(picture)
    try:
        data = picture.read() if isinstance(picture, Piece) else picture
    except OSError as error:
        raise BadImageError(f"cannot be read ({error})") from None
    if not data:
        raise BadImageError("the picture is empty (zero bytes)")
    return data
