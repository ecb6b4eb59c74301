"""Pictures kept as one array of numbers in a .mat file, read a few at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosshash.errors import CrosshashError
from crosshash.formats.matlab.mat import MatVariable, list_mat, read_mat_part

COLOURS = 3
# Axes of items, rows, columns and colours, in MATLAB's order of axes. The first is the published one:
# MATLAB's pictures one after the other, which h5py sees as N x 3 x width x height.
LAYOUTS = ((3, 0, 1, 2), (0, 1, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0))


@dataclass(frozen=True)
class PixelRows:
    """Pictures kept as numbers in a .mat file: uint8, a row per item, read a few at a time.

    key: name of the array; count: its rows.
    """

    path: Path
    key: str
    count: int


def pixel_counts(variable: MatVariable) -> tuple[int, ...]:
    """Give the numbers of pictures that an array may hold: one, or more where several axes have 3 places."""
    shape = variable.shape
    if len(shape) != len(LAYOUTS[0]):
        return ()
    return tuple(dict.fromkeys(shape[items] for items, *_, colours in LAYOUTS if shape[colours] == COLOURS))


def read_pixel_rows(pixels: PixelRows, start: int, stop: int) -> np.ndarray:
    """Read pictures `start` to `stop` as uint8[n, H, W, 3], upright.

    The array may be H x W x 3 x N, as MATLAB keeps pictures, N x H x W x 3 or N x 3 x H x W, as savemat
    writes numpy's, or 3 x W x H x N, as h5py writes them. Of a file of version 7.3 only these rows are read.

    Raises:
        CrosshashError: the array is not there, of another shape, or holds other values than whole numbers
            from 0 to 255.
    """
    layout = _layout(pixels, list_mat(pixels.path).get(pixels.key))
    part = read_mat_part(pixels.path, pixels.key, layout[0], start, stop)
    pictures = part.transpose(layout)
    if pictures.dtype != np.uint8:
        with np.errstate(invalid="ignore"):
            whole = pictures.astype(np.uint8)
        bad = np.flatnonzero((whole != pictures).any(axis=(1, 2, 3)))
        if len(bad):
            raise CrosshashError(
                f"{pixels.path}: '{pixels.key}' holds other values than whole numbers from 0 to 255, first "
                f"in picture {start + bad[0]}, counted from 0. "
                "Save the pictures as uint8, before any normalisation."
            )
        pictures = whole
    return np.ascontiguousarray(pictures)


def _layout(pixels: PixelRows, variable: MatVariable | None) -> tuple[int, ...]:
    """Find the axes of items, rows, columns and colours."""
    shape = variable.shape if variable else ()
    for layout in LAYOUTS if len(shape) == len(LAYOUTS[0]) else ():
        if (shape[layout[0]], shape[layout[-1]]) == (pixels.count, COLOURS):
            return layout
    found = f"has the shape {' x '.join(map(str, shape))}" if shape else "is no such array"
    raise CrosshashError(
        f"{pixels.path}: '{pixels.key}' {found}; it must hold {pixels.count} pictures in red, green and "
        f"blue: H x W x 3 x {pixels.count}, in uint8."
    )
