"""Text in .mat files, char matrices and cell arrays, as arrays without objects and as rows of texts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Texts = tuple[tuple[str, ...], ...]
DEEPEST = 4  # cells in cells; more is a file that refers to itself, or is made to end its reader


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


NULLS = "null characters in a text, as zeroed blocks of a disk leave them; deblank() takes off what pads it"


def check_letters(array: Any) -> None:  # noqa: ANN401 - sparse matrices too
    """Look for null characters in what scipy gives for text, of which numpy drops those at the end.

    Raises:
        ValueError: there are some, in a char matrix or a cell.
    """
    if array.dtype.kind == "O":
        for inner in array.flat:
            if isinstance(inner, np.ndarray):
                check_letters(inner)
    elif array.dtype.kind == "U" and array.dtype.itemsize > 4:  # one letter may be an empty text
        width = array.dtype.itemsize // 4
        if any(len(text) < width or "\0" in text for text in array.ravel().tolist()):
            raise ValueError(NULLS)
