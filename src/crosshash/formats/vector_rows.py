"""Vectors in several .npy files as one matrix, of which only what is asked for is read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from crosshash.errors import CrosshashError
from crosshash.formats.feature_file import some_of

BLOCK = 1 << 20
"""Numbers looked at together."""


class VectorRows:
    """The rows of .npy files one after the other: float32[N, D], whatever kind of number the files hold."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open the files.

        Raises:
            CrosshashError: one cannot be read, is no matrix of real numbers, or has other columns than the
                first.
        """
        self.paths = tuple(paths)
        self.parts = [_opened(path) for path in paths]
        self.ends = np.array(list(accumulate(map(len, self.parts))), dtype=np.int64)
        columns = self.parts[0].shape[1]
        for path, part in zip(paths, self.parts, strict=True):
            if part.shape[1] != columns:
                raise CrosshashError(
                    f"{path}: vectors of {part.shape[1]} numbers, but those of {paths[0].name} have "
                    f"{columns}. Put the parts of one model alone into the folder."
                )
        self.shape = (int(self.ends[-1]), columns)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, row: int) -> np.ndarray:
        part = int(np.searchsorted(self.ends, row, side="right"))
        start = int(self.ends[part - 1]) if part else 0
        vector: np.ndarray = self.parts[part][row - start]
        return vector.astype(np.float32)

    def check_finite(self) -> None:
        """Look at all numbers once.

        Raises:
            CrosshashError: some are NaN or infinite, also as float32.
        """
        for path, part in zip(self.paths, self.parts, strict=True):
            step = max(BLOCK // max(part.shape[1], 1), 1)
            for start in range(0, len(part), step):
                with np.errstate(over="ignore"):
                    rows = part[start : start + step].astype(np.float32, copy=False)
                bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
                if len(bad):
                    raise CrosshashError(
                        f"{path}: NaN or infinite numbers in row(s) {some_of(bad + start)}, counted from 0. "
                        "Compute these vectors again (float16 ends at 65,504), or leave their items out."
                    )


def _opened(path: Path) -> np.ndarray:
    """Map a file into memory, which takes none until it is read."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # damaged headers make numpy raise nearly anything, of tokenize too
        raise CrosshashError(
            f"{path}: cannot be read as .npy ({error}); it is cut or damaged. Fetch or write it again."
        ) from None
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise CrosshashError(
            f"{path}: must be a matrix of real numbers, a row per item; found {array.dtype} of shape "
            f"{array.shape}."
        )
    return array
