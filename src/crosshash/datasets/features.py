"""`features`: the user's own vectors, with texts as captions or as vectors too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from crosshash.datasets.readers.pairs_csv import NAME, read_pairs_csv
from crosshash.datasets.readers.unread import unread_files
from crosshash.errors import CrosshashError, listed
from crosshash.formats.feature_file import Features, constant_columns, read_features
from crosshash.formats.stored_rows import StoredRows
from crosshash.pairs.raw_record import describe_files
from crosshash.pairs.source import RawFile, RawItem, RawItems, SplitSizes

DOCS = "docs/data.md"
SIZES = SplitSizes(query=0.125, train=0.875)
VECTORS = "features.npz"
OF_TABLE = ("labels", "captions", "classes")
"""Arrays that pairs.csv stands in for."""


def folder(raw: Path, path: str) -> Path:
    """Give the user's folder, or that of the user's one file; nothing of it is copied to `raw`.

    Raises:
        CrosshashError: it is not there.
    """
    place = Path(path)
    if not place.exists():
        raise CrosshashError(
            f"params.yaml: features.path: '{path}' is not there. Give a folder with {VECTORS} and {NAME}, or "
            "one .npz or .mat file with arrays image, text and labels."
        )
    return place if place.is_dir() else place.parent


def fetch(raw: Path, path: str) -> list[RawFile]:
    """List the files that hold the data; they are read once, so that bad ones are refused at once."""
    read(raw, path)
    names = [VECTORS, NAME] if Path(path).is_dir() else [Path(path).name]
    return describe_files(folder(raw, path), names)


def read(raw: Path, path: str) -> RawItems:
    """Read vectors, texts and labels.

    Raises:
        CrosshashError: files, arrays or columns are missing, counts differ, or values are NaN or infinite.
    """
    place = folder(raw, path)
    source = _read_folder(place) if Path(path).is_dir() else _read_file(Path(path))
    vectors = {"image": source.images, "text": source.text}
    constant = tuple(
        f"array '{key}': {count} of {array.shape[1]} columns are the same in every row; they are kept"
        for key, array in vectors.items()
        if isinstance(array, np.ndarray | StoredRows) and (count := constant_columns(array))
    )
    return replace(source, warnings=source.warnings + constant)


def _read_folder(place: Path) -> RawItems:
    """Read features.npz and pairs.csv, matched by `names`, or else by order."""
    items = read_pairs_csv(place / NAME)
    path = place / VECTORS
    features = read_features(path)
    rows = _rows_by_name(path, features.names, items) if features.names else np.arange(len(features.image))
    if len(rows) != len(items):
        raise CrosshashError(
            f"{path}: {len(rows)} rows, but {place / NAME} has {len(items)} items. Without an array 'names' "
            f"the rows must be the items in the order of {NAME}."
        )
    unused = len(features.image) - len(rows)
    beside = [key for key in OF_TABLE if getattr(features, key) is not None]
    return RawItems(
        items=items,
        classes=tuple(sorted({label for item in items for label in item.labels})),
        images=_taken(features.image, rows),
        text=None if features.text is None else _taken(features.text, rows),
        warnings=(
            *((f"{unused} vectors have no row in {NAME} and are left out",) if unused else ()),
            *(f"{VECTORS}: array '{key}' is not read: {NAME} says it" for key in beside),
            *_unread(path, features),
            *unread_files(place, [path]),
        ),
    )


def _taken(vectors: np.ndarray | StoredRows, rows: np.ndarray) -> np.ndarray | StoredRows:
    return vectors[rows] if isinstance(vectors, np.ndarray) else vectors.take(rows)


def _rows_by_name(path: Path, names: Sequence[str], items: Sequence[RawItem]) -> np.ndarray:
    """Find the vector of each item of pairs.csv; int[N]."""
    row_of = {name: row for row, name in enumerate(names)}
    lost = [f"row {', '.join(map(str, item.rows))}: {item.id}" for item in items if item.id not in row_of]
    if lost:
        raise CrosshashError(
            f"{path.parent / NAME}: {len(lost)} item(s) are not among the names in {path.name}:\n"
            f"{listed(lost)}\nTake those rows out, or add their vectors to {path.name}."
        )
    return np.array([row_of[item.id] for item in items])


def _read_file(path: Path) -> RawItems:
    """Read one file that holds image, labels, and text or captions, by row; optionally names and classes."""
    features = read_features(path)
    if features.labels is None or (features.text is None and features.captions is None):
        raise CrosshashError(
            f"{path}: needs an array 'labels' (0 and 1, a column per class; no columns: no labels) and an "
            "array 'text' (float[N, E]) or 'captions' (texts), a row per item. With captions and labels in "
            f"a {NAME}, give the folder that holds it and {VECTORS}."
        )
    count, n_classes = features.labels.shape
    digits = len(str(n_classes))
    classes = features.classes or tuple(f"class {number:0{digits}d}" for number in range(n_classes))
    names = features.names or tuple(map(str, range(count)))
    captions = features.captions or ((),) * count
    items = tuple(
        RawItem(name, texts, tuple(classes[column] for column in np.flatnonzero(row)))
        for name, texts, row in zip(names, captions, features.labels, strict=True)
    )
    return RawItems(items, classes, features.image, features.text, _unread(path, features))


def _unread(path: Path, features: Features) -> tuple[str, ...]:
    return tuple(f"{path.name}: array '{name}' is not read" for name in features.unread)
