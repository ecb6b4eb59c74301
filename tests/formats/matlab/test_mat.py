from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from crosshash.errors import CrosshashError
from crosshash.formats.matlab.mat import HEADER, MatVariable, list_mat, read_mat, write_mat
from tests.formats.mat_files import (
    marked,
    write_function_handle,
    write_mat4,
    write_mat73,
    write_string_object,
)

NUMBERS = np.array([[1.5, -2.0, 3.0], [0.0, 5.0, 6.25]])


def write_5(path: Path, variables: dict[str, Any]) -> Path:
    scipy.io.savemat(path, variables)
    return path


def write_7(path: Path, variables: dict[str, Any]) -> Path:
    scipy.io.savemat(path, variables, do_compression=True)
    return path


WRITERS = pytest.mark.parametrize("write", [write_5, write_7, write_mat73])
Write = Callable[[Path, dict[str, Any]], Path]


def cells(*values: Any, shape: tuple[int, int] | None = None) -> np.ndarray:  # noqa: ANN401
    """A cell array, a column unless told otherwise."""
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array.reshape(shape or (-1, 1))


def load(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = scipy.io.loadmat(path)
    return found


def error_of(path: Path, names: list[str] | None = None) -> str:
    with pytest.raises(CrosshashError) as error:
        read_mat(path, names)
    assert str(path) in str(error.value)
    return str(error.value)


@WRITERS
def test_numbers_keep_their_places_and_type(tmp_path: Path, write: Write) -> None:
    cube = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    path = write(tmp_path / "a.mat", {"x": NUMBERS, "cube": cube, "z": NUMBERS.astype(np.float32)})
    found = read_mat(path)
    np.testing.assert_array_equal(found["x"], NUMBERS)
    np.testing.assert_array_equal(found["cube"], cube)
    assert [found[key].dtype for key in ("x", "cube", "z")] == [np.float64, np.uint8, np.float32]
    assert list_mat(path) == {
        "x": MatVariable((2, 3), "double"),
        "cube": MatVariable((2, 3, 4), "uint8"),
        "z": MatVariable((2, 3), "single"),
    }


def test_version_4_with_the_other_byte_order(tmp_path: Path) -> None:
    found = read_mat(write_mat4(tmp_path / "a.mat", "x", NUMBERS))["x"]
    np.testing.assert_array_equal(found, NUMBERS)
    assert found.dtype.isnative


@WRITERS
def test_only_what_is_asked_for_and_there(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "a.mat", {"x": NUMBERS, "y": cells(NUMBERS)})
    assert list(read_mat(path, ["x", "absent"])) == ["x"]
    assert read_mat(path, ["absent"]) == {}


@WRITERS
def test_logical_sparse_and_empty(tmp_path: Path, write: Write) -> None:
    labels = np.array([[1, 0, 0], [0, 0, 1]])
    path = write(
        tmp_path / "a.mat",
        {
            "logical": labels.astype(bool),
            "sparse": scipy.sparse.csc_matrix(labels.astype(float)),
            "both": scipy.sparse.csc_matrix(labels.astype(bool)),
            "nothing": scipy.sparse.csc_matrix((2, 3)),
            "rows": np.zeros((4, 0)),
        },
    )
    found = read_mat(path)
    assert found["logical"].dtype == bool
    for key in ("logical", "sparse", "both"):
        np.testing.assert_array_equal(found[key], labels)
    np.testing.assert_array_equal(found["nothing"], np.zeros((2, 3)))
    assert found["rows"].shape == (4, 0)


@WRITERS
def test_text_comes_as_rows_without_padding(tmp_path: Path, write: Write) -> None:
    """A row for each string of a char matrix, for each cell of a list, for each row of a table of cells."""
    names, pair = np.array(["one", "drei \N{DOG FACE}"]), np.array(["b ", "cc"])
    path = write(
        tmp_path / "a.mat",
        {
            "names": names,
            "column": cells("a", pair, np.zeros((0, 0))),
            "row": cells("a", pair, "", shape=(1, 3)),
            "nested": cells(cells("a"), cells("b", cells("c"))),
            "table": cells("a", "b", "c", "d", shape=(2, 2)),
        },
    )
    found = {key: value.tolist() for key, value in read_mat(path).items()}
    assert found == {
        "names": [["one"], ["drei \N{DOG FACE}"]],
        "column": [["a", ""], ["b", "cc"], ["", ""]],
        "row": [["a", ""], ["b", "cc"], ["", ""]],
        "nested": [["a", ""], ["b", "c"]],
        "table": [["a", "b"], ["c", "d"]],
    }


def test_strings_of_several_columns(tmp_path: Path) -> None:
    """numpy's text arrays of two axes, as NUS-WIDE's folder and file names are published."""
    write_5(tmp_path / "a.mat", {"imgs": np.array([["actor", "1.jpg"], ["sea", "22.jpg"]])})
    assert read_mat(tmp_path / "a.mat")["imgs"].tolist() == [["actor", "1.jpg"], ["sea", "22.jpg"]]


def test_characters_of_four_bytes(tmp_path: Path) -> None:
    """hdf5storage 0.2.2 writes texts with a character beyond U+FFFF as uint32, the others as uint16."""
    path = write_mat73(tmp_path / "a.mat", {"c": cells("a dog", "", "")})
    with h5py.File(path, "r+") as file:
        wide = np.frombuffer("a \N{DOG FACE} and \N{CJK UNIFIED IDEOGRAPH-20000}".encode("utf-32-le"), "<u4")
        for number, units in ((1, wide), (2, np.array([ord("b"), 0x110000], np.uint32))):
            marked(file.create_dataset(f"#refs#/wide {number}", data=units[:, None]), "char")
            file["c"][0, number] = file[f"#refs#/wide {number}"].ref
    assert "a text with numbers that are no characters" in error_of(path)
    with h5py.File(path, "r+") as file:
        file["#refs#/wide 2"][1] = ord("c")
    found = read_mat(path)["c"].tolist()
    assert found == [["a dog"], ["a \N{DOG FACE} and \N{CJK UNIFIED IDEOGRAPH-20000}"], ["bc"]]


def test_strings_of_hdf5(tmp_path: Path) -> None:
    """As h5py writes lists of str and arrays of bytes, and hdf5storage bytes that are not ASCII."""
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        file["texts"] = ["un café", "", "dog \N{DOG FACE} "]
        file["bytes"] = np.array([["é".encode(), b"b"], [b"c", b""], [b"", b""]])
        file["alone"] = "one"
        marked(file.create_dataset("marked", data=np.array([["café".encode()]])), "char")
    assert {name: found.kind for name, found in list_mat(path).items()} == dict.fromkeys(
        ("alone", "bytes", "marked", "texts"), "char"
    )
    found = {key: value.tolist() for key, value in read_mat(path).items()}
    assert found == {
        "alone": [["one"]],
        "bytes": [["é", "b"], ["c", ""], ["", ""]],
        "marked": [["café"]],
        "texts": [["un café"], [""], ["dog \N{DOG FACE}"]],
    }


def test_strings_of_hdf5_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        file["texts"] = np.array([b"caf\xe9"])
    assert "cannot be read as a .mat file ('utf-8' codec can't decode byte 0xe9" in error_of(path)


@WRITERS
def test_what_is_no_array_is_refused_by_name(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "a.mat", {"x": NUMBERS, "mixed": cells("a", NUMBERS), "numbers": cells(NUMBERS)})
    message = error_of(path)
    for name in ("mixed", "numbers"):
        assert f"'{name}' is a cell array of more than text; save numbers as a matrix: cell2mat()" in message


def test_structs_functions_and_objects_are_refused(tmp_path: Path) -> None:
    assert "'s' is a struct; save its fields" in error_of(write_5(tmp_path / "s.mat", {"s": {"x": 1.0}}))
    assert "'f' is a function handle; leave it out" in error_of(write_function_handle(tmp_path / "f.mat"))
    assert "is a MATLAB object, as string arrays and tables are; save texts with cellstr()" in error_of(
        write_string_object(tmp_path / "o.mat")
    )


def test_structs_functions_and_objects_of_version_73(tmp_path: Path) -> None:
    path = write_mat73(tmp_path / "a.mat", {"x": NUMBERS})
    with h5py.File(path, "r+") as file:
        marked(file.create_group("s"), "struct")["x"] = 1.0
        for name, (kind, decode) in {
            "f": ("function_handle", 1),
            "old": ("inline", 2),
            "o": ("string", 3),
        }.items():
            node = file.create_dataset(name, data=np.array([[0xDD000000, 2, 1, 1, 1, 1]], dtype=np.uint32))
            marked(node, kind).attrs["MATLAB_object_decode"] = np.int32(decode)
    assert [variable.kind for variable in list_mat(path).values()] == [
        "function",
        "opaque",
        "object",
        "struct",
        "double",
    ]
    message = error_of(path)
    for finding in (
        "'f' is a function",
        "'old' is a MATLAB object; ",
        "'o' is a MATLAB object, as ",
        "'s' is a s",
    ):
        assert finding in message
    np.testing.assert_array_equal(read_mat(path, ["x"])["x"], NUMBERS)


def test_no_other_file_is_read(tmp_path: Path) -> None:
    """HDF5 may point elsewhere: by links, virtual data sets, raw data kept outside; parts of arrays too."""
    other = write_mat73(tmp_path / "secret.mat", {"x": NUMBERS})
    (tmp_path / "raw").write_bytes(NUMBERS.tobytes())
    path = write_mat73(tmp_path / "a.mat", {"good": NUMBERS})
    layout = h5py.VirtualLayout((3, 2), np.float64)
    layout[:] = h5py.VirtualSource(str(other), "x", (3, 2))
    with h5py.File(path, "r+") as file:
        file["external"] = h5py.ExternalLink(str(other), "/x")
        file["soft"] = h5py.SoftLink("/external")
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset(
            "raw", (3, 2), np.float64, external=[(str(tmp_path / "raw"), 0, h5py.h5f.UNLIMITED)]
        )
        cell = file.create_dataset("cell", (1, 1), h5py.ref_dtype)
        cell[0, 0] = file["virtual"].ref
        marked(cell, "cell")
        sparse = marked(file.create_group("sparse"), "double")
        sparse.attrs["MATLAB_sparse"] = np.uint64(2)
        sparse["jc"] = np.array([0, 1], dtype=np.uint64)
        sparse["ir"] = h5py.ExternalLink(str(other), "/x")
        sparse["data"] = np.ones(1)
    message = error_of(path, ["external", "soft", "virtual", "raw", "good"])
    for name in ("external", "soft", "virtual", "raw"):
        assert f"'{name}' lies in another file; save it into this one" in message
    assert "'good'" not in message
    assert "lies in another file" in error_of(path, ["cell"])
    assert "lies in another file" in error_of(path, ["sparse"])
    assert list(read_mat(path, ["good"])) == ["good"]


def test_cells_that_hold_themselves(tmp_path: Path) -> None:
    path = write_mat73(tmp_path / "a.mat", {})
    with h5py.File(path, "r+") as file:
        cell = marked(file.create_dataset("c", (1, 1), h5py.ref_dtype), "cell")
        cell[0, 0] = cell.ref
    assert "cells nested more than" in error_of(path)


@WRITERS
@pytest.mark.parametrize("row", [5, -1])
def test_sparse_places_outside_of_the_matrix(tmp_path: Path, write: Write, row: int) -> None:
    """Filling such a matrix would write outside of its memory."""
    matrix = scipy.sparse.csc_matrix(([1.0], ([0], [0])), shape=(2, 3))
    matrix.indices[:] = row
    write(tmp_path / "a.mat", {"x": matrix})
    assert "cannot be read as a .mat file" in error_of(tmp_path / "a.mat")


def test_files_that_are_no_mat(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    assert "not found. Give a .mat file" in error_of(path)
    assert "is a folder" in error_of(tmp_path)
    for content in (
        b"",
        b"text " * 200,
        bytes(1000),
        b"\x89PNG\r\n\x1a\n" + bytes(600),
        b"\xff\xd8\xff\xe0" * 99,
    ):
        path.write_bytes(content)
        assert "cannot be read as a .mat file (" in error_of(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(600))
    assert "header says version 7.3, but no HDF5 follows" in error_of(path)


class Trap:
    """What a pickle could do to its reader."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("trapped"),))


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.mat"
    path.write_bytes(pickle.dumps(Trap()).ljust(600))
    error_of(path)
    pickle.loads(path.read_bytes())  # noqa: S301 - the trap works
    assert Path("trapped").exists()
    Path("trapped").unlink()
    with h5py.File(path, "w") as file:
        file["x"] = np.void(pickle.dumps(Trap()))
    read_mat(path)
    assert not Path("trapped").exists()


@WRITERS
def test_cut_anywhere_is_an_error_or_a_whole_variable_less(tmp_path: Path, write: Write) -> None:
    variables = {"names": cells("a", "bc"), "x": NUMBERS, "s": scipy.sparse.csc_matrix(NUMBERS)}
    whole = write(tmp_path / "whole.mat", variables)
    expected = {key: value.tolist() for key, value in read_mat(whole).items()}
    data, path, survived = whole.read_bytes(), tmp_path / "cut.mat", 0
    for size in range(0, len(data), 3 if len(data) < 2000 else 97):
        path.write_bytes(data[:size])
        try:
            found = {key: value.tolist() for key, value in read_mat(path).items()}
        except CrosshashError as error:
            assert str(path) in str(error)  # noqa: PT017 - at some lengths there is no error
        else:
            survived += 1
            assert all(expected[key] == value for key, value in found.items())
            assert len(found) < len(expected)
    assert survived < 5


@pytest.mark.parametrize("write", [write_5, write_mat73])
def test_a_logical_array_of_other_numbers_is_damaged(tmp_path: Path, write: Write) -> None:
    """In files without compression, whose format has no checksum."""
    path = write(tmp_path / "a.mat", {"flags": np.ones((5, 8), dtype=bool)})
    ones = bytes([1] * 40)
    assert path.read_bytes().count(ones) == 1
    path.write_bytes(path.read_bytes().replace(ones, bytes([1] * 20 + [17] + [1] * 19)))
    assert "'flags' is logical and holds other numbers than 0 and 1: it is damaged" in error_of(path)


@pytest.mark.parametrize("value", [NUMBERS, cells("a", "bc")], ids=["numbers", "cells"])
def test_an_array_of_one_axis_is_none_of_matlab(tmp_path: Path, value: Any) -> None:  # noqa: ANN401
    """Its axes say 4 bytes, one of them, where they took 8."""
    path = write_5(tmp_path / "a.mat", {"x": value})
    data = bytearray(path.read_bytes())
    data[data.index(bytes([5, 0, 0, 0, 8, 0, 0, 0])) + 4] = 4
    path.write_bytes(data)
    assert "cannot be read as a .mat file (a variable has fewer than two axes)" in error_of(path)


@pytest.mark.parametrize("write", [write_5, write_mat73])
@pytest.mark.parametrize("inside", ["yyyy", "xyyy", "yyyx"])
@pytest.mark.parametrize("cell", [False, True])
def test_zeroed_letters_are_no_shorter_text(tmp_path: Path, write: Write, inside: str, cell: bool) -> None:
    """A block of zeros where letters were: numpy drops zeros at the end of a text."""
    text = f"a {inside}"
    path = write(tmp_path / "a.mat", {"t": cells(text) if cell else np.array([text])})
    data = path.read_bytes()
    letter = b"y\0" if write is write_mat73 else b"y"
    assert data.count(letter) == inside.count("y")
    path.write_bytes(data.replace(letter, bytes(len(letter))))
    assert "null characters in a text, as zeroed blocks of a disk leave them" in error_of(path)


def test_texts_of_no_letter_or_one(tmp_path: Path) -> None:
    path = write_5(tmp_path / "a.mat", {"t": cells("", "a", " "), "none": np.zeros((3, 0), dtype="<U1")})
    assert read_mat(path, ["t"])["t"].tolist() == [[""], ["a"], [""]]


def test_half_a_character(tmp_path: Path) -> None:
    path = write_mat73(tmp_path / "a.mat", {"t": np.array(["a \N{DOG FACE}"])})
    with h5py.File(path, "r+") as file:
        file["t"][3] = ord("b")
    assert "'utf-16-le' codec can't decode" in error_of(path)


@pytest.mark.parametrize(
    ("value", "kind", "finding"),
    [
        (NUMBERS, "chbr", "/x is of class 'chbr', which is none of an array"),
        (NUMBERS + 97, "char", "a text with numbers that are no characters"),
        (NUMBERS, "int8", "/x is of class int8 and holds float64"),
        (np.array([[1, 2]], dtype=np.int8), "uint8", "/x is of class uint8 and holds int8"),
        (np.array([[97, -98]], dtype=np.int16), "char", "a text with numbers that are no characters"),
    ],
)
def test_a_class_that_is_not_that_of_the_numbers(
    tmp_path: Path, value: np.ndarray, kind: str, finding: str
) -> None:
    """MATLAB writes both, version 7.3 has no checksum: one damaged letter makes numbers of a text."""
    path = write_mat73(tmp_path / "a.mat", {"x": value})
    with h5py.File(path, "r+") as file:
        marked(file["x"], kind)
    assert finding in error_of(path)


def test_numbers_that_were_never_written(tmp_path: Path) -> None:
    """HDF5 reads zeros where a data set has no place in the file."""
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (2, 3), np.float64)
    assert "/x holds 0 bytes, not 48" in error_of(path)


def test_hdf5_is_loaded_for_version_73_alone(tmp_path: Path) -> None:
    write_5(tmp_path / "a.mat", {"x": NUMBERS})
    script = (
        "import sys; from pathlib import Path; from crosshash.formats.matlab.mat import read_mat;"
        f"read_mat(Path({str(tmp_path / 'a.mat')!r})); sys.exit('h5py' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_no_time_of_writing_in_the_header(tmp_path: Path) -> None:
    arrays = {"q_img": np.array([[1, -1]], dtype=np.int8)}
    write_mat(tmp_path / "a.mat", arrays)
    data = (tmp_path / "a.mat").read_bytes()
    assert data[:38] == HEADER[:38] == b"MATLAB 5.0 MAT-file, crosshash-sha256:"
    assert len(HEADER) == 116
    assert b"Created on" not in data
    assert load(tmp_path / "a.mat")["q_img"].tolist() == [[1, -1]]
