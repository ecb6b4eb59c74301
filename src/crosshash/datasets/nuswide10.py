"""`nuswide10`: NUS-WIDE with its 10 most frequent concepts, from a local copy of the published files."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from crosshash.acquire.publisher import Transfer
from crosshash.datasets.readers.nuswide_files import SOURCES as SOURCES
from crosshash.datasets.readers.nuswide_files import Tags, fetch_nuswide, nuswide_folder, read_nuswide
from crosshash.pairs.source import RawFile, RawItems, SplitSizes

DOCS = "docs/datasets/nuswide.md"
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
    return nuswide_folder(raw, local)


def fetch(raw: Path, tags: Tags, **transfer: Unpack[Transfer]) -> list[RawFile]:
    """List the published files, from the local copy or a mirror."""
    return fetch_nuswide(raw, **transfer)


def read(raw: Path, tags: Tags, local: str | None) -> RawItems:
    """Read the images that show one of the concepts, and their tags."""
    return read_nuswide(nuswide_folder(raw, local), CLASSES, tags)
