"""Room on the disk, asked before it is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from crosshash.errors import CrosshashError

ELSEWHERE = "choose a folder on another disk with the environment variable CROSSHASH_RAW"


def check_space(folder: Path, needed: int, purpose: str, elsewhere: str = ELSEWHERE) -> None:
    """See that the disk of `folder`, which need not exist yet, has `needed` bytes free.

    elsewhere: how to take another disk.

    Raises:
        CrosshashError: it has not.
    """
    free = shutil.disk_usage(_place(folder)).free
    if needed > free:
        raise CrosshashError(
            f"{folder}: {in_gigabytes(needed)} needed {purpose}, {in_gigabytes(free)} free. Free disk space, "
            f"or {elsewhere}."
        )


def on_one_disk(one: Path, other: Path) -> bool:
    """Say whether two folders, which need not exist yet, are on the same disk."""
    return _place(one).stat().st_dev == _place(other).stat().st_dev


def _place(folder: Path) -> Path:
    """Give the folder that is there already, of those that a path leads through."""
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())


def in_gigabytes(size: int) -> str:
    """Write a number of bytes for people: `1.2 GB`, below that in MB."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
