"""A folder of images with a pairs.csv: its items and the raw files they need."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from crosshash.datasets.readers.pairs_csv import NAME, read_pairs_csv
from crosshash.errors import CrosshashError, listed
from crosshash.pairs.source import RawItem, RawItems


def read_image_folder(folder: Path, classes: Sequence[str] | None = None) -> RawItems:
    """Read `pairs.csv` and say where its images lie; the images themselves are not opened.

    Classes are the given ones, or all labels sorted as text.

    Raises:
        CrosshashError: pairs.csv cannot be read, or names images outside of the folder (all are listed).
    """
    items = read_pairs_csv(folder / NAME)
    check_inside(folder, items)
    if classes is None:
        classes = sorted({label for item in items for label in item.labels})
    return RawItems(items, tuple(classes), tuple(folder / item.id for item in items))


def image_folder_files(folder: Path) -> list[str]:
    """List the raw files of the folder by name: pairs.csv, and those of its images that are there."""
    items = read_image_folder(folder).items
    return [NAME, *(item.id for item in items if os.path.isfile(folder / item.id))]


def check_inside(folder: Path, items: Sequence[RawItem]) -> None:
    """Refuse absolute paths, `..` and links that lead out: what is recorded must be all that is read.

    Raises:
        CrosshashError: an image lies outside of the folder; all are listed.
    """
    root = os.path.realpath(folder)
    inside: dict[PurePosixPath, bool] = {}
    problems = []
    for item in items:
        name = PurePosixPath(item.id)
        place = name if os.path.islink(folder / name) else name.parent
        if place not in inside:
            inside[place] = _is_inside(root, place)
        if not inside[place]:
            problems.append(f"row {', '.join(map(str, item.rows))}: {item.id}")
    if problems:
        raise CrosshashError(
            f"{folder / NAME}: {len(problems)} image(s) outside of the folder:\n{listed(problems)}\n"
            f"Name images relative to {folder}, and put copies there instead of links."
        )


def _is_inside(root: str, name: PurePosixPath) -> bool:
    if name.is_absolute() or ".." in name.parts:
        return False
    real = os.path.realpath(os.path.join(root, name))
    return real == root or real.startswith(root + os.sep)
