"""What is asked of the file system: that files are on the disk, that two folders change places at once."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""From Linux's fcntl.h and fs.h: paths are relative to the working folder; both names are kept."""
MANY = 32
"""Files up to which it is faster to wait for each, some milliseconds, than for the rest of the system too."""


def flush(path: Path) -> None:
    """See that a file, or a folder and all below it, is on the disk and survives a power failure.

    Raises:
        OSError: the disk refuses.
    """
    for folder, _, names in os.walk(path, topdown=False):
        for name in names:
            _flush_file(Path(folder, name))
        flush_names(Path(folder))
    if not path.is_dir():
        _flush_file(path)


def flush_names(folder: Path) -> None:
    """See that the names in a folder are on the disk: which files there are, not what they hold."""
    with suppress(OSError):  # some file systems know no such thing for folders
        _flush_file(folder)


def flush_files(paths: Collection[Path]) -> None:
    """See that files and their names are on the disk; of many, by one call for all that was ever written.

    Raises:
        OSError: the disk refuses.
    """
    if len(paths) > MANY and hasattr(os, "sync"):
        os.sync()
        return
    for path in paths:
        _flush_file(path)
    for folder in {path.parent for path in paths}:
        flush_names(folder)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; says whether this system and its file system can do that."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    if renameat2 is None:
        return False
    names = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other))
    return bool(renameat2(*names, RENAME_EXCHANGE) == 0)


def _flush_file(path: Path) -> None:
    file = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # Windows flushes what may be written
    try:
        os.fsync(file)
    finally:
        os.close(file)
