"""A folder of images with a pairs.csv: its items and the raw files they need."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from crosshash.datasets.readers.pairs_csv import NAME, read_pairs_csv
from crosshash.errors import CrosshashError, listed
from crosshash.formats.image_names import leads_out, names_on_disk
from crosshash.pairs.source import RawItem, RawItems


def read_image_folder(
    folder: Path, classes: Sequence[str] | None = None, follow_links: bool = False
) -> RawItems:
    """Read `pairs.csv` and say where its images lie; the images themselves are not opened.

    Classes are the given ones, or all labels sorted as text. follow_links: files may be
    links that lead out, folders not: DVC does not look behind those.

    Raises:
        CrosshashError: pairs.csv cannot be read, or names images outside of the folder (all are listed), or
            two files have names that look the same.
    """
    items = read_pairs_csv(folder / NAME)
    paths = image_paths(folder, items, follow_links)
    if classes is None:
        classes = sorted({label for item in items for label in item.labels})
    return RawItems(items, tuple(classes), paths)


def image_folder_files(folder: Path, follow_links: bool = False) -> list[str]:
    """List the raw files of the folder by name: pairs.csv, and those of its images that are there."""
    items = read_pairs_csv(folder / NAME)
    names = [path.relative_to(folder).as_posix() for path in image_paths(folder, items, follow_links)]
    return [NAME, *(name for name in names if os.path.isfile(folder / name))]


def image_paths(folder: Path, items: Sequence[RawItem], follow_links: bool = False) -> tuple[Path, ...]:
    """Say where the images of items lie, whether or not they are there.

    Refuses absolute paths, `..` and, unless they are followed, links that lead out: what is recorded must be
    all that is read.

    Raises:
        CrosshashError: an image lies outside of the folder (all are listed), or two files have names that
            look the same.
    """
    names = names_on_disk(folder, [item.id for item in items])
    problems = [
        f"row {', '.join(map(str, item.rows))}: {item.id}"
        for item, out in zip(items, leads_out(folder, names, follow_links), strict=True)
        if out
    ]
    if problems:
        raise CrosshashError(
            f"{folder / NAME}: {len(problems)} image(s) outside of the folder:\n{listed(problems)}\n"
            f"Name images relative to {folder}, and put copies there instead of links (dataset: custom "
            "follows them with custom.follow_links: true)."
        )
    return tuple(folder / name for name in names)
