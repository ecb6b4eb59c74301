"""What a data set's module gives: the raw files it covers and, read from them, items before any split."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from crosshash.formats.picture_column import PictureColumn
from crosshash.formats.pieces import Pieces
from crosshash.formats.pixel_rows import PixelRows
from crosshash.formats.stored_rows import StoredRows
from crosshash.formats.vector_rows import VectorRows

Images = tuple[Path, ...] | Pieces | PictureColumn | PixelRows | VectorRows | StoredRows | np.ndarray | None
"""Of each item a file, a part of one, a row of parquet files, pixels in a .mat file, a vector, or nothing."""


@dataclass(frozen=True)
class RawFile:
    """A raw file: name relative to the data set's folder; size in bytes; sha256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RawItem:
    """An image and its texts; `rows` are those of pairs.csv it came from (header = row 1), for messages."""

    id: str
    captions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class GivenSplit:
    """Ids in the order of their source; `val_query` is None where it says nothing of validation queries."""

    query: tuple[str, ...]
    train: tuple[str, ...]
    val_query: tuple[str, ...] | None = None


@dataclass(frozen=True)
class RawItems:
    """A data set before its split, in the order of its source.

    images: of each item a path, a part of a file, a row of parquet files, pixels in a .mat file or a vector
    (float32[N, D]), or None where only texts and labels are at hand; text: a number array [N, E], or None
    where captions are the text; classes: in the data set's own order; warnings: what the user should know,
    one line each; official: the split that the publisher fixed;
    vocabulary: the words that the publisher counts as text, else those of the training captions are taken.
    """

    items: tuple[RawItem, ...]
    classes: tuple[str, ...]
    images: Images
    text: VectorRows | StoredRows | np.ndarray | None = None
    warnings: tuple[str, ...] = ()
    official: GivenSplit | None = None
    vocabulary: tuple[str, ...] | None = None


@dataclass(frozen=True)
class SplitSizes:
    """Queries and training items: a count, or a share of the items that may be either (below 1)."""

    query: int | float
    train: int | float


class Dataset(Protocol):
    """A module `crosshash.datasets.<name>`; each function takes the raw folder and the data set's settings.

    SIZES: the split of its protocol. folder(raw, **settings): where its raw files lie.
    fetch(raw, **settings): bring the raw files there, unless they are, and list them.
    read(raw, **settings): the items.
    """

    SIZES: SplitSizes
    folder: Callable[..., Path]
    fetch: Callable[..., list[RawFile]]
    read: Callable[..., RawItems]


def raw_folder() -> Path:
    """Give the folder of raw files: $CROSSHASH_RAW, or `crosshash/raw` in the user's cache folder."""
    if chosen := os.environ.get("CROSSHASH_RAW"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crosshash" / "raw"
