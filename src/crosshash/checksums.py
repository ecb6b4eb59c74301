"""Checksums that files carry within themselves, at a place that their format leaves free for remarks.

Whoever writes a file puts BLANK there and has it filled in by `seal`: the sha256 of all bytes of the file,
those of the checksum itself counted as zeros. So no byte can change unnoticed, other programs read the file
as ever, and equal content still gives equal bytes. A file without a checksum, of another program or an older
version, is taken as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

MARK = "crosshash-sha256:"
DIGITS = 64
BLANK = MARK + DIGITS * "0"
"""Stands in the place of the checksum until `seal` has filled it in."""

PATTERN = re.compile(rb"crosshash-sha256:.{64}", re.DOTALL)  # whatever damage has made of the digits
WINDOW = 1 << 16
"""Bytes at the beginning or at the end of a file in which its checksum is looked for."""
BLOCK = 1 << 18


class AlteredError(ValueError):
    """A file that is not as it was written."""


def seal(path: Path, head: bool = False) -> None:
    """Fill in the checksum of a file that holds BLANK: the last in its end, or the first in its `head`.

    Raises:
        ValueError: BLANK is not there.
    """
    with path.open("r+b") as file:
        place = _place(file, head)
        if place is None:
            raise ValueError(f"{path}: no place for a checksum")
        digest = _digest(file, place)
        file.seek(place)
        file.write(digest.encode())


def check(file: BinaryIO, head: bool = False) -> None:
    """Compare a file with the checksum it carries, if it does, and leave it at its first byte.

    Raises:
        AlteredError: they differ.
    """
    place = _place(file, head)
    if place is not None and _digest(file, place) != _read_at(file, place):
        raise AlteredError("its checksum differs: it is damaged, or was changed by hand")
    file.seek(0)


def is_sealed(path: Path) -> bool:
    """Say whether a file is there, carries a checksum in its end, and is as it was written."""
    try:
        with path.open("rb") as file:
            place = _place(file, head=False)
            return place is not None and _digest(file, place) == _read_at(file, place)
    except FileNotFoundError:
        return False


def digest_of(path: Path, head: bool = False) -> str:
    """Give the checksum that a file carries, in hex, without reading all of it; else the sha256 of its bytes.

    Files of one digest were written with the same content; whether they still have it says `check`.
    """
    with path.open("rb") as file:
        place = _place(file, head)
        return _digest(file, None) if place is None else _read_at(file, place)


def file_sha256(path: Path) -> str:
    """Give the sha256 of all bytes of a file, hexadecimal, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path, left_out: Collection[Path] = ()) -> str:
    """Give the sha256 over names and digests of all files below a folder, but for hidden ones and some.

    Hidden is what is being written meanwhile (`artifacts.atomic_path`).

    Raises:
        FileNotFoundError: a file went away meanwhile.
    """
    digest = hashlib.sha256()
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    for name in names:
        hidden = any(part.startswith(".") for part in name.parts)
        if not hidden and folder / name not in left_out:
            digest.update(name.as_posix().encode() + digest_of(folder / name).encode())
    return digest.hexdigest()


def carried(text: str) -> str | None:
    """Give the digits of the checksum that a text begins with, None where there is none."""
    return text[len(MARK) : len(BLANK)] if PATTERN.match(text.encode()) else None


def _place(file: BinaryIO, head: bool) -> int | None:
    """Find the first byte of the digits; None where there is no checksum."""
    size = file.seek(0, 2)
    start = 0 if head else max(0, size - WINDOW)
    file.seek(start)
    found = [match.start() for match in PATTERN.finditer(file.read(WINDOW))]
    return start + found[0 if head else -1] + len(MARK) if found else None


def _read_at(file: BinaryIO, place: int) -> str:
    file.seek(place)
    return file.read(DIGITS).decode("latin-1")


def _digest(file: BinaryIO, place: int | None) -> str:
    """Hash a file, the digits at `place` as zeros."""
    digest, size = hashlib.sha256(), file.seek(0, 2)
    if place is not None:
        _update(digest, file, 0, place)
        digest.update(DIGITS * b"0")
    _update(digest, file, 0 if place is None else place + DIGITS, size)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, file: BinaryIO, start: int, stop: int) -> None:
    """Take the bytes from `start` to `stop` into the hash."""
    file.seek(start)
    while start < stop and (block := file.read(min(BLOCK, stop - start))):
        digest.update(block)
        start += len(block)
