"""Pictures that a collection keeps of its own items, each under the sha256 of its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from crosshash.errors import CrosshashError

PICTURES = "pictures"


def picture_path(collection: Path, name: str) -> Path:
    """Say where a collection keeps a picture of its own."""
    return collection / PICTURES / name[:2] / f"{name}.jpg"


def is_whole(collection: Path, name: str) -> bool:
    """Say whether a picture of a collection's own is there, as it was kept."""
    try:
        read_own_picture(collection, name)
    except (OSError, CrosshashError):
        return False
    return True


def read_own_picture(collection: Path, name: str) -> bytes:
    """Read a picture of a collection's own, which its name is the sha256 of.

    Raises:
        OSError: it cannot be read.
        CrosshashError: it is damaged.
    """
    path = picture_path(collection, name)
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != name:
        raise CrosshashError(
            f"{path}: is damaged: its name is no longer the sha256 of its content. Delete it, and encode the "
            "folder that it came from again, after `crosshash encode --remove` of its item."
        )
    return data
