"""`nuswide10`: NUS-WIDE with its 10 most frequent concepts, from a local copy of the published files."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from crosshash.data.nuswide_files import SOURCES, WANTED, Tags, read_nuswide
from crosshash.data.published import Transfer, obtain, published_folder
from crosshash.data.source import RawFile, RawItems, SplitSizes

SIZES = SplitSizes(query=2_100, train=10_500)
CLASSES = (
    "animal",
    "buildings",
    "clouds",
    "grass",
    "lake",
    "person",
    "plants",
    "sky",
    "water",
    "window",
)
"""In the order of Concepts81.txt, which is that of the alphabet."""


def folder(raw: Path, tags: Tags, local: str | None) -> Path:
    """Give the folder of the published files."""
    return published_folder(raw, "nuswide", local, WANTED)


def fetch(raw: Path, tags: Tags, **transfer: Unpack[Transfer]) -> list[RawFile]:
    """List the published files, all of which must be in the local copy: none can be downloaded any more."""
    return obtain(raw, "nuswide", SOURCES, WANTED, **transfer)


def read(raw: Path, tags: Tags, local: str | None) -> RawItems:
    """Read the images that show one of the concepts, and their tags."""
    return read_nuswide(folder(raw, tags, local), CLASSES, tags)
