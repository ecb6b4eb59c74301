"""The .mat triple that published code reads: index.mat, caption.mat, label.mat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.io

from crosshash.artifacts import atomic_path
from crosshash.data.labels import label_matrix
from crosshash.data.pairs import Pair

HEADER = b"MATLAB 5.0 MAT-file, written by crosshash".ljust(116)


def write_mat_triple(folder: Path, pairs: Sequence[Pair], classes: Sequence[str]) -> None:
    """Write the three files, rows in the order of the pair table; equal content gives equal bytes.

    `index`: N strings, padded with spaces to one length. `caption`: a cell array [1, N], in each cell the
    captions of an item as strings, a blank where there is none. `category`: uint8[N, C].
    """
    captions = np.empty(len(pairs), dtype=object)
    for row, pair in enumerate(pairs):
        captions[row] = np.array(pair.captions or (" ",))
    labels = label_matrix([pair.labels for pair in pairs], classes)
    _write(folder / "index.mat", "index", np.array([pair.image for pair in pairs]))
    _write(folder / "caption.mat", "caption", captions)
    _write(folder / "label.mat", "category", labels)


def _write(path: Path, key: str, value: np.ndarray) -> None:
    """Write one variable; scipy puts the time of writing into the header, which is overwritten."""
    with atomic_path(path) as temporary:
        scipy.io.savemat(str(temporary), {key: value}, appendmat=False, do_compression=True)
        with temporary.open("r+b") as file:
            file.write(HEADER)
