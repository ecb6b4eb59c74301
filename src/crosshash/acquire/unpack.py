"""Archives unpacked safely: zip and tar, whatever their names say, the whole archive or nothing."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO

from crosshash.acquire.archives import BLOCK, Unsafe, tar_members, zip_members
from crosshash.errors import CrosshashError, full_disk_named
from crosshash.pairs.source import RawFile

MEMBERS = 2_000_000
RATIO = 200
BOMB = 10**9
"""Bytes up to which an archive may grow to more than RATIO times its own size."""
MOST_BYTES = 10**12

DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    RuntimeError,
    FileExistsError,
    NotADirectoryError,
)


class BadArchive(CrosshashError):  # noqa: N818 - says what it is
    """An archive that is damaged, unsafe, or none."""


def unpack(
    archive: Path,
    home: Path,
    folder: str,
    scratch: Path,
    taken: Container[str] = (),
    most_members: int = MEMBERS,
    bomb: int = BOMB,
) -> list[RawFile]:
    """Unpack into `home/folder` and give size and sha256 of the files, sorted; names are relative to `home`.

    All is written to `scratch`, a folder on the same disk, and moved when the archive has been read to its
    end; files named in `taken`, relative to `home`, are left as they are. An archive with anything but plain
    files and folders, with a name that leads elsewhere, is one of this project's own or comes twice, with
    more than `most_members`, or that grows to more than 200 times its size and `bomb` bytes, or to a
    terabyte, is refused as a whole.

    Raises:
        BadArchive: it is refused, damaged, or neither zip nor tar.
        CrosshashError: it cannot be read, or the disk is full or read-only, or a link leads out of `home`.
    """
    try:
        with full_disk_named(scratch):
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
        with _explained(archive, home / folder):
            files = _write_members(archive, scratch, most_members, bomb)
        targets = {file: str(PurePosixPath(folder, file.name)) for file in files}
        targets = {file: name for file, name in targets.items() if name not in taken}
        with full_disk_named(home / folder):
            _check_inside(home, {(home / name).parent for name in targets.values()})
            for file, name in targets.items():
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(scratch / file.name, home / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return [replace(file, name=name) for file, name in targets.items()]


def _check_inside(home: Path, folders: Iterable[Path]) -> None:
    """See that no link takes what would be written out of the data set's folder, into files of the user."""
    inside = Path(os.path.realpath(home))
    for folder in sorted(folders):
        if not Path(os.path.realpath(folder)).is_relative_to(inside):
            raise CrosshashError(f"{folder}: a link leads out of {home}. Remove it; nothing was unpacked.")


@contextmanager
def _explained(archive: Path, target: Path) -> Iterator[None]:
    """Turn what goes wrong into clear errors."""
    problem: object
    try:
        yield
        return
    except Unsafe as error:
        problem = error
    except DAMAGED as error:
        problem = f"damaged or incomplete ({error})"
    except OSError as error:
        if error.errno is not None:  # the system's, not one of bz2 or gzip
            raise CrosshashError(
                f"{archive}: cannot be unpacked into {target} ({error.strerror}). Free disk space, or choose "
                "a folder you may write to with the environment variable CROSSHASH_RAW; nothing is left."
            ) from None
        problem = f"damaged or incomplete ({error})"
    raise BadArchive(
        f"{archive}: not unpacked: {problem}. Get the file anew; or, if you trust it, unpack it yourself and "
        "give the folder with `download.local` in params.yaml."
    )


def _write_members(archive: Path, scratch: Path, most_members: int, bomb: int) -> list[RawFile]:
    """Write all members below `scratch`."""
    limit = min(MOST_BYTES, max(bomb, RATIO * archive.stat().st_size))
    with archive.open("rb") as file:
        start = file.read(4)
    members = zip_members if start in (b"PK\x03\x04", b"PK\x05\x06") else tar_members
    written: dict[str, RawFile] = {}
    size = 0
    for name, content in members(archive, scratch, most_members, limit):
        if name in written:
            raise Unsafe(f"'{name}' comes twice")
        written[name] = _write(content, scratch, name, limit - size)
        size += written[name].size
    return [written[name] for name in sorted(written)]


def _write(content: IO[bytes], scratch: Path, name: str, room: int) -> RawFile:
    """Write one member, counting and hashing its bytes."""
    path = scratch / name
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        while block := content.read(BLOCK):
            size += len(block)
            if size > room:
                raise Unsafe("it grows too much, as a bomb does")
            digest.update(block)
            file.write(block)
    return RawFile(name, size, digest.hexdigest())
