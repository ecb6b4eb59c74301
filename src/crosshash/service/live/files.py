"""Files under watch: a cheap look at them, and the digest of what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from crosshash.checksums import digest_of

Look = tuple[tuple[str, int, int, int], ...]
"""Name, size, time (ns) and inode of each file."""


def look(paths: Iterable[Path]) -> Look:
    """Look at files, and at all those in folders; what is not there is left out.

    Raises:
        OSError: a folder cannot be listed.
    """
    found = []
    for path in _files(paths):
        with suppress(FileNotFoundError):  # it went meanwhile
            state = path.stat()
            found.append((str(path), state.st_size, state.st_mtime_ns, state.st_ino))
    return tuple(sorted(found))


def digest(paths: Iterable[Path]) -> str:
    """Give the sha256 over names and digests of files; files with a checksum are not read.

    Raises:
        OSError: a file cannot be read, or went meanwhile.
    """
    told = hashlib.sha256()
    for path in sorted(_files(paths)):
        told.update(f"{path}\0{digest_of(path)}\0".encode())
    return told.hexdigest()


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            for folder, inner, names in os.walk(path, onerror=_raise):
                inner[:] = (name for name in inner if not name.startswith("."))  # what is being written
                yield from (Path(folder, name) for name in sorted(names))
        elif path.is_file():
            yield path


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
