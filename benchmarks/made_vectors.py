"""A made set of vectors of any size, like those of a pretrained network, written in blocks."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from crosshash.seeding import stream

IMAGE, TEXT, CLASSES, LABELS = 512, 384, 80, 2.6
BLOCK = 10_000
SEED = 0


def make_vectors(folder: Path, items: int) -> Path:
    """Write vectors.npz: image float32[N, 512], text float32[N, 384], labels uint8[N, 80]; gives its path.

    A vector is the sum of the directions of the item's classes and noise. An item has 2.6 classes on average,
    one at least, some classes more often than others, as in COCO.
    """
    folder.mkdir(parents=True)
    path = folder / "vectors.npz"
    drawn = stream(SEED, "directions")
    directions = {"image": drawn.normal(size=(CLASSES, IMAGE)), "text": drawn.normal(size=(CLASSES, TEXT))}
    with zipfile.ZipFile(path, "w") as file:
        _write(file, "labels", np.dtype(np.uint8), (items, CLASSES), _labels)
        for name, found in directions.items():
            make = lambda start, count, name=name, found=found: _vectors(name, found, start, count)  # noqa: E731
            _write(file, name, np.dtype(np.float32), (items, found.shape[1]), make)
    return path


def _write(
    file: zipfile.ZipFile,
    name: str,
    kind: np.dtype[np.generic],
    shape: tuple[int, int],
    make: Callable[[int, int], np.ndarray],
) -> None:
    """Write an array block by block, as numpy.savez lays it out."""
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    with file.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_2_0(member, header)
        for start in range(0, shape[0], BLOCK):
            member.write(make(start, min(BLOCK, shape[0] - start)).astype(kind).tobytes())


def _labels(start: int, count: int) -> np.ndarray:
    drawn = stream(SEED, "labels", start)
    weights = 1 / np.sqrt(np.arange(1, CLASSES + 1))
    labels = drawn.random((count, CLASSES)) < (LABELS - 0.1) * weights / weights.sum()
    labels[np.arange(count), drawn.integers(CLASSES, size=count)] |= ~labels.any(axis=1)
    return np.asarray(labels)


def _vectors(name: str, directions: np.ndarray, start: int, count: int) -> np.ndarray:
    noise = stream(SEED, "noise", name, start).normal(size=(count, directions.shape[1]))
    return np.asarray(_labels(start, count) @ directions + noise)
