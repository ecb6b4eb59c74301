"""The transform from long to short hash codes: closed form, application, and its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_npz, write_npz
from crosshash.centers.center_book import CenterBook
from crosshash.errors import CrosshashError

Matrix = NDArray[np.float32]

BLOCK = 16384
"""Codes transformed at a time, so that memory does not grow with their number."""
WEAKER = 10.0
"""Factor by which the penalty falls while a class centre is not mapped exactly."""
FLOOR = 1e-8
"""Penalty per row below which rounding would speak, not the data."""


def apply_transform(soft: NDArray[np.generic], matrix: Matrix) -> NDArray[np.int8]:
    """Map soft long codes float[N, K] in [-1, 1] to short ones int8[N, k] of +-1: signs of `transformed`.

    Raises:
        CrosshashError: the matrix is for codes of another length.
    """
    result = np.empty((len(soft), matrix.shape[1] // 2), dtype=np.int8)
    for start in range(0, max(len(soft), 1), BLOCK):
        result[start : start + BLOCK] = np.where(transformed(soft[start : start + BLOCK], matrix) >= 0, 1, -1)
    return result


def transformed(soft: NDArray[np.generic], matrix: Matrix) -> Matrix:
    """Map soft long codes float[N, K] in [-1, 1] to real short ones float32[N, k].

    A bit v stands for the pair p_neg = (1 - v) / 2, p_pos = (1 + v) / 2; the real short one is the positive
    half of p T less its negative half (TwDH, doi 10.1109/TMM.2024.3381828).

    Raises:
        CrosshashError: the matrix is for codes of another length.
    """
    soft = np.asarray(soft)
    if soft.ndim != 2 or len(matrix) != 2 * soft.shape[1]:
        raise CrosshashError(
            f"codes of shape {soft.shape} do not fit a transform for {len(matrix) // 2} bits: "
            "both have to come from the same train_bits."
        )
    weights, offset = _difference(matrix)
    real: Matrix = soft.astype(np.float32) @ weights + offset
    return real


def _difference(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """Write positive minus negative half of p T as v weights + offset: float32[K, k] and float32[k]."""
    long, short = matrix.shape[0] // 2, matrix.shape[1] // 2
    difference = matrix[:, short:] - matrix[:, :short]
    weights, offset = difference[long:] - difference[:long], difference[long:] + difference[:long]
    return weights * np.float32(0.5), offset.sum(axis=0) * np.float32(0.5)


def ridge_transform(long: CenterBook, short: CenterBook, penalty: float, tie_row: bool) -> Matrix:
    """Fit the transform in closed form: float32[2K, 2k].

    W = (A'A + penalty I)^-1 A'S over class centres, A long and S short, with the tie bits as one more row if
    `tie_row`. Where some centre is not mapped exactly, the penalty is lowered tenfold, again and again; if
    that does not help (more classes than long bits), the first one with the most exact centres stays.
    """
    rows, images = long.centers, short.centers
    if tie_row:
        rows, images = np.vstack([rows, long.tie_bits]), np.vstack([images, short.tie_bits])
    best, best_exact = None, -1
    while True:
        matrix = spread(_ridge(rows.astype(np.float64), images.astype(np.float64), penalty))
        exact = int((apply_transform(long.centers, matrix) == short.centers).all(axis=1).sum())
        if exact > best_exact:
            best, best_exact = matrix, exact
        penalty /= WEAKER
        if best is not None and (best_exact == len(long.centers) or penalty < FLOOR * long.bits):
            return best


def _ridge(rows: NDArray[np.float64], images: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    """Solve for W float64[K, k] in the smaller of both dimensions: A'(AA' + cI)^-1 S = (A'A + cI)^-1 A'S."""
    count, bits = rows.shape
    if count <= bits:
        weights = rows.T @ np.linalg.solve(rows @ rows.T + penalty * np.eye(count), images)
    else:
        weights = np.linalg.solve(rows.T @ rows + penalty * np.eye(bits), rows.T @ images)
    return np.asarray(weights, dtype=np.float64)


def spread(weights: NDArray[np.float64]) -> Matrix:
    """Spread W[K, k] over the pairs: +W/2 where the halves agree, -W/2 where not; negative halves first."""
    half = weights / 2
    return np.block([[half, -half], [-half, half]]).astype(np.float32)


def identity_transform(bits: int) -> Matrix:
    """Give the transform that leaves codes as they are, for a delivered length equal to the trained one."""
    return np.eye(2 * bits, dtype=np.float32)


def write_transform(path: Path, matrix: Matrix | None) -> None:
    """Write a transform as .npz; None, for methods without, becomes `used` = false alone."""
    write_npz(
        path, {"used": np.array(False)} if matrix is None else {"used": np.array(True), "matrix": matrix}
    )


def read_transform(path: Path) -> Matrix | None:
    """Read a transform float32[2K, 2k]; None when the method has none.

    Raises:
        CrosshashError: the file is missing, cut, or holds something else.
    """
    arrays = read_npz(path)
    if "used" in arrays and not arrays["used"]:
        return None
    matrix = arrays.get("matrix")
    if matrix is None or matrix.dtype != np.float32 or matrix.ndim != 2 or any(n % 2 for n in matrix.shape):
        raise CrosshashError(
            f"{path}: holds no transform float32[2K, 2k]. Delete it and run `dvc repro transform`."
        )
    return matrix
