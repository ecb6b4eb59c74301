"""Small folders of pictures with a pairs.csv, written for tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

Row = tuple[str, str, str]


def write_csv(
    path: Path, rows: Iterable[tuple[str, ...]], header: tuple[str, ...] = ("image", "caption", "labels")
) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def picture(seed: int, size: tuple[int, int] = (12, 9)) -> Image.Image:
    """A smooth RGB picture that differs from seed to seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR)


def encoded(seed: int, kind: str = "JPEG") -> bytes:
    """The content of a file with `picture(seed)`."""
    buffer = io.BytesIO()
    picture(seed).save(buffer, kind)
    return buffer.getvalue()


def write_folder(folder: Path, rows: Iterable[Row]) -> Path:
    """Write pairs.csv and, for each image that it names, a small JPEG."""
    rows = list(rows)
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(dict.fromkeys(image for image, _, _ in rows)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(folder / name, "JPEG")
    write_csv(folder / "pairs.csv", rows)
    return folder


def plain_rows(count: int, classes: tuple[str, ...] = ("cat", "dog")) -> list[Row]:
    """Rows `0.jpg`, `1.jpg`, ... whose labels take turns."""
    return [
        (
            f"{number}.jpg",
            f"picture {number} of a {classes[number % len(classes)]}",
            classes[number % len(classes)],
        )
        for number in range(count)
    ]
