"""What has arrived is put where it belongs, and gets its receipt."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from crosshash.acquire.receipts import RECEIVED, Receipt, received_files, write_receipt
from crosshash.acquire.space import check_space, in_gigabytes
from crosshash.acquire.unpack import BadArchive, unpack
from crosshash.artifacts import atomic_path
from crosshash.errors import CrosshashError, full_disk_named
from crosshash.pairs.raw_record import describe_file
from crosshash.pairs.source import RawFile

UNPACKED = 1.2
"""Size of an unpacked archive, in sizes of the archive: photos hardly shrink when packed."""


def clear_remains(received: Path) -> None:
    """Remove what interrupted runs left half done; parts of downloads stay, to be continued.

    Raises:
        CrosshashError: the folder cannot be made or written.
    """
    with full_disk_named(received):
        received.mkdir(parents=True, exist_ok=True)
        for path in (*received.glob("*.unpacked"), *received.glob("tmp*")):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.suffix not in (".json", ".part"):
                path.unlink()


def check_room(here: Path, coming: int, archives: int, copied: int) -> None:
    """See that there is room for the bytes still to come, the archives unpacked, and local files copied.

    Raises:
        CrosshashError: there is not.
    """
    purpose = f"({in_gigabytes(coming)} to download, the rest to unpack or copy)"
    check_space(here, coming + int(UNPACKED * archives) + copied, purpose)


def put_in_place(
    here: Path,
    source: str,
    folder: str | None,
    arrived: Path,
    origin: str,
    size: int | None,
    sha256: str | None,
) -> None:
    """Unpack a file that has arrived into `here`, or move it there, and write its receipt.

    source: its name. folder: where its members go; None: it is no archive. origin: where it came from.
    size, sha256: what it must have. A file that lies in `here/.received` is removed at the end, and when it
    turns out to be no usable archive; one of the user's own stays as it is.

    Raises:
        CrosshashError: its checksum is wrong; it is damaged or unsafe; the disk is full.
    """
    received = here / RECEIVED
    own = arrived.parent == received
    found = describe_file(arrived.parent, arrived.name)
    if size not in (None, found.size) or sha256 not in (None, found.sha256):
        raise CrosshashError(
            f"{arrived}: {found.size:,} bytes with sha256 {found.sha256}; expected: "
            f"{'any size' if size is None else f'{size:,} bytes'}, sha256 {sha256}. It is damaged or another "
            "version. Get the right one, or take it as it is with `download.checksums: first` in params.yaml "
            f"and without {received / source}.json."
        )
    if folder is None:
        _place(arrived, here / source, own)
        files: tuple[RawFile, ...] = (replace(found, name=source),)
    else:
        files = _unpacked(here, source, folder, arrived, own)
    write_receipt(received, source, Receipt(origin, found.size, found.sha256, files))
    if own:
        with suppress(FileNotFoundError):
            arrived.unlink()


def _place(arrived: Path, target: Path, own: bool) -> None:
    """Move a file, or copy the user's own."""
    with atomic_path(target) as temporary:
        if own:
            os.replace(arrived, temporary)
        else:
            shutil.copyfile(arrived, temporary)


def _unpacked(here: Path, source: str, folder: str, arrived: Path, own: bool) -> tuple[RawFile, ...]:
    """Unpack; files that another source has brought before, such as a README of the same name, stay."""
    received = here / RECEIVED
    names = {path.name.removesuffix(".json") for path in received.glob("*.json")}
    others = received_files(received, {name for name in names if not name.endswith(".part")} - {source})
    try:
        files = unpack(arrived, here, folder, received / f"{source}.unpacked", {file.name for file in others})
    except BadArchive:
        if own:
            arrived.unlink()
        raise
    return tuple(files)
