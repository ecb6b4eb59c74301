"""Pictures that a collection keeps: small JPEGs, each named by the sha256 of its bytes, never by an id."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

from crosshash.errors import full_disk_named
from crosshash.search.folders.own_picture import PICTURES, picture_path


def store_picture(collection: Path, jpeg: bytes) -> str:
    """Keep a picture, unless it is there already and whole; gives its name."""
    name = hashlib.sha256(jpeg).hexdigest()
    path = picture_path(collection, name)
    if not path.is_file() or path.read_bytes() != jpeg:
        with full_disk_named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".part")
            temporary.write_bytes(jpeg)
            os.replace(temporary, path)
    return name


def prune_pictures(collection: Path, names: Collection[str]) -> None:
    """Delete all pictures but those of these names."""
    for path in (collection / PICTURES).glob("*/*"):
        if path.stem not in names or path.suffix != ".jpg":
            path.unlink()
