"""Pictures prepared and set aside on disk, so that a data set of any size passes through little memory.

Each process that prepares pictures appends them to a file of its own; where they lie is kept in arrays.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from crosshash.formats.pieces import Piece
from crosshash.formats.pixel_rows import PixelRows
from crosshash.shards.checked_images import BadImageError, Check, encode_pixels, prepare_bytes, prepare_image

Picture = tuple[Path, str | None] | Piece | bytes | str
"""A file, with its sha256 as it was recorded; a part of a file; the content itself; or why there is none."""


def spool_files(
    pictures: Sequence[Picture], folder: Path, max_side: int, check: Check
) -> list[Piece | BadImageError]:
    """Prepare picture files and set them aside in `folder`; a bad one gives its error in its place."""

    def prepared(picture: Picture) -> bytes | BadImageError:
        try:
            if isinstance(picture, tuple):
                return prepare_image(picture[0], max_side, check, picture[1])
            return prepare_bytes(_content(picture), max_side, check)
        except BadImageError as error:
            return error

    return _set_aside(folder, map(prepared, pictures))


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
