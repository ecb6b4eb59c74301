"""A folder of the user's own that a data set is read from."""

from __future__ import annotations

from pathlib import Path

from crosshash.errors import CrosshashError


def given_folder(key: str, path: str, holding: str) -> Path:
    """Give the folder that a setting names; nothing of it is copied. holding: what it should hold, in words.

    Raises:
        CrosshashError: it is not there, or no folder.
    """
    place = Path(path)
    if not place.is_dir():
        finding = "is a file" if place.exists() else "is not there"
        raise CrosshashError(f"params.yaml: {key}: '{path}' {finding}. Give a folder with {holding}.")
    return place
