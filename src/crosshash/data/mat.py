"""MATLAB files: any arrays with equal bytes for equal content, and the triple that published code reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import scipy.io

from crosshash.artifacts import atomic_path
from crosshash.data.labels import label_matrix
from crosshash.data.pairs import Pair

HEADER = b"MATLAB 5.0 MAT-file, written by crosshash".ljust(116)


def write_mat(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a .mat file (version 5, compressed) atomically.

    scipy puts the time of writing into the header; a fixed text replaces it, so that equal arrays give
    equal bytes.
    """
    with atomic_path(path) as temporary:
        scipy.io.savemat(str(temporary), dict(arrays), appendmat=False, do_compression=True)
        with temporary.open("r+b") as file:
            file.write(HEADER)


def write_mat_triple(folder: Path, pairs: Sequence[Pair], classes: Sequence[str]) -> None:
    """Write index.mat, caption.mat and label.mat, rows in the order of the pair table.

    `index`: N strings, padded with blanks to one length. `caption`: a cell array [1, N], in each cell the
    captions of an item as strings, a blank where there is none. `category`: uint8[N, C].
    """
    captions = np.empty(len(pairs), dtype=object)
    for row, pair in enumerate(pairs):
        captions[row] = np.array(pair.captions or (" ",))
    labels = label_matrix([pair.labels for pair in pairs], classes)
    write_mat(folder / "index.mat", {"index": np.array([pair.image for pair in pairs])})
    write_mat(folder / "caption.mat", {"caption": captions})
    write_mat(folder / "label.mat", {"category": labels})
