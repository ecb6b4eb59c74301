"""The .mat triple of a data set, as published code reads it: index, captions, labels."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from crosshash.formats.matlab.mat_pieces import LARGEST, byte_matrix, char_cells, char_matrix, write_variable
from crosshash.pairs.labels import label_matrix
from crosshash.pairs.table import Pair

log = logging.getLogger(__name__)


def _label_columns(pairs: Sequence[Pair], classes: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield the columns of the label matrix, which is made only when the first of them is asked for."""
    yield from label_matrix([pair.labels for pair in pairs], classes).T


def write_mat_triple(folder: Path, pairs: Sequence[Pair], classes: Sequence[str]) -> None:
    """Write index.mat, caption.mat and label.mat, rows in the order of the pair table.

    `index`: N strings, padded with blanks to one length. `caption`: a cell array [1, N], in each cell the
    captions of an item as strings, a blank where there is none. `category`: uint8[N, C]. None of the three is
    written where one would be larger than a variable of this version may be.
    """
    variables = {
        "index": char_matrix([pair.image for pair in pairs]),
        "caption": char_cells([pair.captions for pair in pairs]),
        "category": byte_matrix((len(pairs), len(classes)), _label_columns(pairs, classes)),
    }
    too_large = [f"{name} {found.size:,} bytes" for name, found in variables.items() if found.size > LARGEST]
    if too_large:
        log.warning(
            "warning: no .mat triple is written: a variable of MATLAB version 5 holds at most %d bytes (%s)",
            LARGEST,
            ", ".join(too_large),
        )
        return
    for file, (name, variable) in zip(("index", "caption", "label"), variables.items(), strict=True):
        write_variable(folder / f"{file}.mat", name, variable)
