from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st

from crosshash.formats.matlab.mat import write_mat
from crosshash.formats.matlab.mat_pieces import (
    CELLS,
    Variable,
    byte_matrix,
    char_cells,
    char_matrix,
    write_variable,
)

texts = st.text(alphabet="ab ä日\N{DOG FACE}\n.", min_size=1, max_size=40)


def same_as_by_scipy(folder: Path, name: str, variable: Variable, array: np.ndarray) -> None:
    """All is as scipy writes it, the sizes counted beforehand too; the compression may be another one."""
    write_variable(folder / "pieces.mat", name, variable)
    write_mat(folder / "whole.mat", {name: array})
    found, expected = ((folder / file).read_bytes() for file in ("pieces.mat", "whole.mat"))
    assert found[:38] == expected[:38]  # header, up to the checksum
    assert found[102:132] == expected[102:132]  # behind it, and the kind of what follows
    assert int.from_bytes(found[132:136], "little") == len(found) - 136
    assert zlib.decompress(found[136:]) == zlib.decompress(expected[136:])


@given(rows=st.lists(texts, min_size=1, max_size=20))
def test_rows_of_letters(tmp_path_factory: pytest.TempPathFactory, rows: list[str]) -> None:
    same_as_by_scipy(tmp_path_factory.mktemp("mat"), "index", char_matrix(rows), np.array(rows))


@given(cells=st.lists(st.lists(texts, max_size=4).map(tuple), min_size=1, max_size=20))
def test_cells_of_texts(tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, ...]]) -> None:
    array = np.empty(len(cells), dtype=object)
    for number, cell in enumerate(cells):
        array[number] = np.array(cell or (" ",))
    same_as_by_scipy(tmp_path_factory.mktemp("mat"), "caption", char_cells(cells), array)


@pytest.mark.parametrize("shape", [(1, 0), (3, 1), (5, 1), (2, 2), (7, 24), (3, 0)])
def test_matrices_of_bytes(tmp_path: Path, shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).integers(0, 2, shape, dtype=np.uint8)
    same_as_by_scipy(tmp_path, "category", byte_matrix(matrix.shape, matrix.T), matrix)


def test_a_name_of_four_letters_stands_beside_its_length(tmp_path: Path) -> None:
    matrix = np.ones((2, 9), np.uint8)
    same_as_by_scipy(tmp_path, "lall", byte_matrix(matrix.shape, matrix.T), matrix)


def test_more_cells_than_are_packed_at_once(tmp_path: Path) -> None:
    cells = [(f"text {number}",) for number in range(2 * CELLS + 1)]
    write_variable(tmp_path / "caption.mat", "caption", char_cells(cells))
    found = scipy.io.loadmat(tmp_path / "caption.mat")["caption"]
    assert [cell[0] for cell in found[0]] == [cell[0] for cell in cells]


@pytest.mark.parametrize(("letters", "rows"), [(1, 1), (21, 2), (14, 100)])
def test_many_texts_are_laid_out_in_parts(monkeypatch: pytest.MonkeyPatch, letters: int, rows: int) -> None:
    """7 texts: 1, 3 or 2 letters of each at a time, taken from 1, 2 or all of them together."""
    texts = ["", "a", "\u00e9clair", "\U0001f600 grin", "x" * 20, "seven", "last one"]
    usual = b"".join(char_matrix(texts).pieces)
    monkeypatch.setattr("crosshash.formats.matlab.mat_pieces.LETTERS", letters)
    monkeypatch.setattr("crosshash.formats.matlab.mat_pieces.ROWS", rows)
    assert b"".join(char_matrix(texts).pieces) == usual
