"""Text in .mat files, char matrices and cell arrays, as arrays without objects and as rows of texts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

Texts = tuple[tuple[str, ...], ...]


def text_rows(array: np.ndarray) -> Texts:
    """Give the texts of each row of an array [N] or [N, M]: blanks at the ends and empty texts are gone."""
    table = np.atleast_1d(array)
    rows = table.reshape(len(table), math.prod(table.shape[1:])).tolist()
    return tuple(tuple(text for value in row if (text := str(value).strip())) for row in rows)


def text_array(array: np.ndarray) -> np.ndarray:
    """Lay out what scipy gives for text, `<U` or a cell array, as StringDType[N, M].

    A row for each string, or for each cell of a list of cells with all its texts, or for each row of a cell
    array; missing texts are empty, blanks at the ends, which MATLAB pads with, are gone.

    Raises:
        TypeError: a cell holds something else than text.
    """
    if array.dtype.kind == "U":
        return _filled(array.reshape(len(array), math.prod(array.shape[1:])).tolist())
    cells = array.ravel() if 1 in array.shape else array  # MATLAB gives lists a second axis
    return _filled([list(_texts_of(row)) for row in cells])


def _texts_of(cell: object) -> Iterator[str]:
    """Yield the texts of a cell in order, those of cells inside it too; an empty cell has none."""
    if not isinstance(cell, np.ndarray) or (cell.dtype.kind not in "OU" and cell.size):
        raise TypeError("a cell array of more than text")
    for inner in cell.ravel():
        if cell.dtype.kind == "U":
            yield str(inner)
        else:
            yield from _texts_of(inner)


def _filled(rows: Sequence[Sequence[str]]) -> np.ndarray:
    """Pad rows with empty texts; a table of N rows has N, also without any text."""
    array = np.full((len(rows), max(map(len, rows), default=0)), "", dtype=np.dtypes.StringDType())
    for number, row in enumerate(rows):
        array[number, : len(row)] = [text.strip() for text in row]
    return array
