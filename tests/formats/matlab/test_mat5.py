from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from crosshash.formats.matlab import mat5
from crosshash.formats.matlab.mat import read_mat
from tests.formats.mat_files import HEADER_5, element, matrix_element
from tests.formats.matlab.test_mat import NUMBERS, cells, error_of

ONE = element(9, struct.pack("<d", 1.0))
FLAGS = element(6, struct.pack("<II", 6, 0))
AXES = element(5, struct.pack("<2i", 1, 1))


def everything() -> dict[str, Any]:
    ones = (NUMBERS > 0).astype(float)
    return {
        "x": NUMBERS,
        "bytes": np.zeros((2, 3, 4), np.uint8),
        "flags": NUMBERS > 0,
        "complex": NUMBERS * 1j,
        "nothing": np.zeros((0, 0)),
        "names": np.array(["one", "drei"]),
        "short": np.array(["ab", "cd"]),
        "sparse": scipy.sparse.csc_array(ones),
        "sparse flags": scipy.sparse.csc_array(ones.astype(bool)),
        "sparse complex": scipy.sparse.csc_array(ones * 1j),
        "texts": cells("a", "a longer one", np.array(["b ", "cc"]), np.zeros((0, 0)), ""),
        "deep": cells(cells("a"), cells("b", cells("c"))),
        "numbers": cells(NUMBERS, NUMBERS * 1j, np.zeros((2, 2, 2)), scipy.sparse.csc_array(ones)),
        "big": cells(np.zeros((200, 1000)), "a"),
        "struct": {"field": 1.0},
    }


@pytest.mark.parametrize("packed", [False, True])
def test_lists_what_scipy_lists(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, everything(), do_compression=packed)
    assert mat5.list_variables(path) == scipy.io.whosmat(path)


def test_the_other_order_of_bytes(tmp_path: Path) -> None:
    """A matrix [1, 2] of the numbers 3 and 4 as old Macs wrote it, with a name within its tag."""
    content = struct.pack(">4I2I2i", 6, 8, 6, 0, 5, 8, 1, 2) + struct.pack(">I4s", 1 << 16 | 1, b"x")
    content += struct.pack(">2I2d", 9, 16, 3.0, 4.0)
    head = HEADER_5[:124] + b"\1\0MI"
    (tmp_path / "a.mat").write_bytes(head + struct.pack(">2I", 14, len(content)) + content)
    assert mat5.list_variables(tmp_path / "a.mat") == [("x", (1, 2), "double")]
    assert read_mat(tmp_path / "a.mat")["x"].tolist() == [[3.0, 4.0]]


def test_a_cell_array_with_a_struct_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"c": cells("a", {"field": 1.0}), "x": NUMBERS})
    assert mat5.list_variables(tmp_path / "a.mat") == [("c", (2, 1), "mixed"), ("x", (2, 3), "double")]
    assert "'c' is a cell array of more than text" in error_of(tmp_path / "a.mat")
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat", ["x"])["x"], NUMBERS)


def test_variables_beside_an_object_are_read(tmp_path: Path) -> None:
    """An opaque variable has neither sizes nor, for scipy, a name."""
    content = element(1, b"MCOS") + element(1, b"string") + matrix_element(6, "", ONE)
    path = tmp_path / "a.mat"
    path.write_bytes(HEADER_5 + matrix_element(17, "s", content, None) + matrix_element(6, "x", ONE))
    assert mat5.list_variables(path) == [("s", (), "opaque"), ("x", (1, 1), "double")]
    assert read_mat(path, ["x"])["x"].tolist() == [[1.0]]
    assert "'s' is a MATLAB object" in error_of(path)


def nested(depth: int) -> bytes:
    """Cells of one cell each, in the innermost a text."""
    inner = matrix_element(4, "", element(16, b"abcd"), (1, 4))
    for _ in range(depth - 1):
        inner = matrix_element(1, "", inner)
    return matrix_element(1, "x", inner)


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (element(14, FLAGS + AXES + element(9, bytes(8)) + ONE), "an element of type 9 stands where"),
        (element(14, FLAGS + element(9, bytes(16)) + element(1, b"x") + ONE), "an element of type 9 stands"),
        (matrix_element(1, "x", ONE), "an element of type 9 stands where there can be none"),
        (matrix_element(6, "x", ONE, (-1, -1)), "a variable has a negative size"),
        (matrix_element(6, "x", ONE, (1,)), "a variable has fewer than two axes"),
        (matrix_element(99, "x", ONE), "a variable is of class 99, which MATLAB does not have"),
        (matrix_element(6, "x", struct.pack("<II", 9, 800) + bytes(8)), "is longer than its variable"),
        (element(14, FLAGS + AXES + element(1, bytes(5000)) + ONE), "5000 bytes where 4096 are the most"),
        (matrix_element(6, "x", ONE) + bytes(4), "it is cut, or a size in it is damaged"),
        (matrix_element(6, "x", ONE)[:-8], "it is cut, or a size in it is damaged"),
        (nested(5), "cells nested more than 4 deep"),
    ],
)  # fmt: skip
def test_what_matlab_does_not_write(tmp_path: Path, content: bytes, finding: str) -> None:
    """All of it is harmless to scipy too, which reads it or ends with an error of its own."""
    (tmp_path / "a.mat").write_bytes(HEADER_5 + content)
    assert finding in error_of(tmp_path / "a.mat")


def test_a_cell_that_ends_before_its_size(tmp_path: Path) -> None:
    cell = matrix_element(4, "", element(16, b"abcd"), (1, 4))
    longer = struct.pack("<II", 14, len(cell)) + cell[8:] + bytes(8)
    (tmp_path / "a.mat").write_bytes(HEADER_5 + matrix_element(1, "x", longer))
    assert "a cell is shorter than its size says" in error_of(tmp_path / "a.mat")


def test_cells_as_deep_as_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(HEADER_5 + nested(4))
    assert read_mat(tmp_path / "a.mat")["x"].tolist() == [["abcd"]]
