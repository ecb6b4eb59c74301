"""`custom`: the user's own pictures, a folder with pairs.csv, texts or class folders, or pictures alone."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from crosshash.datasets.readers.given_folder import given_folder
from crosshash.datasets.readers.image_folder import image_folder_files, read_image_folder
from crosshash.datasets.readers.pairs_csv import NAME
from crosshash.datasets.readers.picture_folder import (
    Found,
    find_pictures,
    picture_folder_files,
    read_picture_folder,
    recognised,
)
from crosshash.datasets.readers.picture_folder import Layout as PictureLayout
from crosshash.pairs.raw_record import describe_files
from crosshash.pairs.source import RawFile, RawItems, SplitSizes

DOCS = "docs/data.md"
SIZES = SplitSizes(query=0.125, train=0.875)
Layout = Literal["auto", "pairs", "texts", "classes", "pictures"]
logger = logging.getLogger(__name__)


def folder(raw: Path, path: str, layout: Layout = "auto", follow_links: bool = False) -> Path:
    """Give the user's folder; nothing of it is copied to `raw`.

    Raises:
        CrosshashError: it is not there, or no folder.
    """
    return given_folder("custom.path", path, "pairs.csv and the images that it names, or with pictures")


def fetch(raw: Path, path: str, layout: Layout = "auto", follow_links: bool = False) -> list[RawFile]:
    """List the table or texts, and those of the pictures that are there; convert judges the others."""
    place = folder(raw, path)
    if _has_table(place, layout):
        return describe_files(place, image_folder_files(place, follow_links))
    found = find_pictures(place, follow_links)
    names = picture_folder_files(found, _settled(found, layout))
    return describe_files(place, [name for name in names if (place / name).is_file()])


def read(raw: Path, path: str, layout: Layout = "auto", follow_links: bool = False) -> RawItems:
    """Read the table, or what lies beside the pictures; classes are all labels, sorted as text.

    layout: `auto` takes pairs.csv, else what the folder seems to be, which is logged.
    """
    place = folder(raw, path)
    if _has_table(place, layout):
        return read_image_folder(place, follow_links=follow_links)
    found = find_pictures(place, follow_links)
    settled = _settled(found, layout)
    if layout == "auto":
        logger.info("%s: there is no %s; read as custom.layout: %s", place, NAME, settled)
    return read_picture_folder(place, found, settled)


def _settled(found: Found, layout: Layout) -> PictureLayout:
    return recognised(found) if layout == "auto" or layout == "pairs" else layout


def _has_table(place: Path, layout: Layout) -> bool:
    return layout == "pairs" or (layout == "auto" and (place / NAME).exists())
