"""`custom`: the user's own pictures, a folder with pairs.csv beside them."""

from __future__ import annotations

from pathlib import Path

from crosshash.datasets.readers.given_folder import given_folder
from crosshash.datasets.readers.image_folder import image_folder_files, read_image_folder
from crosshash.pairs.raw_record import describe_files
from crosshash.pairs.source import RawFile, RawItems, SplitSizes

DOCS = "docs/data.md"
SIZES = SplitSizes(query=0.125, train=0.875)


def folder(raw: Path, path: str) -> Path:
    """Give the user's folder; nothing of it is copied to `raw`.

    Raises:
        CrosshashError: it is not there, or no folder.
    """
    return given_folder("custom.path", path, "pairs.csv and the images that it names")


def fetch(raw: Path, path: str) -> list[RawFile]:
    """List pairs.csv and those of its images that are there; the convert stage judges the others."""
    place = folder(raw, path)
    return describe_files(place, image_folder_files(place))


def read(raw: Path, path: str) -> RawItems:
    """Read pairs.csv; classes are all labels, sorted as text."""
    return read_image_folder(folder(raw, path))
