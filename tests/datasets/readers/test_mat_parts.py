"""wikiData.mat and iapr-tc12-rand.mat made small, in every form that public code takes them to have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from crosshash.datasets import mat_triple
from crosshash.datasets.readers.mat_parts import read_mat_parts
from crosshash.errors import CrosshashError
from crosshash.shards.convert import choose_split
from tests.formats.mat_files import write_mat73

# Five training items and three queries; vectors of 4 and 2 numbers, three classes.
NUMBERS_TR, NUMBERS_TE = np.array([[1], [3], [3], [10], [1]]), np.array([[10], [1], [3]])
MARKS_TR = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 0], [1, 0, 0]])
MARKS_TE = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 1]])


def wiki(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """`I_tr` and so on, with labels as numbers; None takes a variable out."""
    draw = np.random.default_rng(0)
    arrays = {
        "I_tr": draw.random((5, 4)),
        "T_tr": draw.random((5, 2)),
        "L_tr": NUMBERS_TR.astype(float),
        "I_te": draw.random((3, 4)),
        "T_te": draw.random((3, 2)),
        "L_te": NUMBERS_TE.astype(float),
    } | changes
    return {name: array for name, array in arrays.items() if array is not None}


def error_of(path: Path, arrays: dict[str, Any]) -> str:
    scipy.io.savemat(path, arrays)
    with pytest.raises(CrosshashError) as error:
        read_mat_parts(path)
    assert str(path) in str(error.value)
    return str(error.value)


def test_numbers_of_classes(tmp_path: Path) -> None:
    """Classes are the numbers that occur, 1, 3 and 10, written so that they sort; queries come last."""
    arrays = wiki()
    scipy.io.savemat(tmp_path / "wikiData.mat", arrays)
    found = mat_triple.read(Path("raw"), path=str(tmp_path))
    assert found.classes == ("class 01", "class 03", "class 10")
    assert [item.id for item in found.items] == [f"train {n}" for n in range(5)] + [
        f"query {n}" for n in range(3)
    ]
    labels = ["01", "03", "03", "10", "01", "10", "01", "03"]
    assert [item.labels for item in found.items] == [(f"class {label}",) for label in labels]
    assert isinstance(found.images, np.ndarray)
    assert found.images.dtype == np.float32
    np.testing.assert_array_equal(found.images[5:], arrays["I_te"].astype(np.float32))
    np.testing.assert_array_equal(found.text, np.concatenate([arrays["T_tr"], arrays["T_te"]]).astype("f4"))
    assert found.warnings == ()
    files = mat_triple.fetch(Path("raw"), path=str(tmp_path))
    assert [file.name for file in files] == ["wikiData.mat"]


def test_the_split_of_the_file_is_taken(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", wiki(L_tr=MARKS_TR, L_te=MARKS_TE))
    found = read_mat_parts(tmp_path / "a.mat")
    split = choose_split(found, mat_triple.SIZES, None, None, 0.0, 0)
    assert split.query == ("query 0", "query 1", "query 2")
    assert split.train == ("train 0", "train 1", "train 2", "train 4")  # train 3 has no label


@pytest.mark.parametrize(
    ("train", "query"),
    [
        (MARKS_TR.astype(np.uint8), MARKS_TE.astype(np.uint8)),
        (MARKS_TR * 1.0, MARKS_TE * 1.0),
        (MARKS_TR.astype(bool), MARKS_TE.astype(bool)),
        (scipy.sparse.csc_array(MARKS_TR * 1.0), MARKS_TE.astype(np.int16)),
    ],
)
def test_a_column_per_class(tmp_path: Path, train: Any, query: Any) -> None:  # noqa: ANN401
    scipy.io.savemat(tmp_path / "wikiData.mat", wiki(L_tr=train, L_te=query))
    found = read_mat_parts(tmp_path / "wikiData.mat")
    assert found.classes == ("class 0", "class 1", "class 2")
    assert found.items[2].labels == ("class 1", "class 2")
    assert found.items[3].labels == ()
    assert found.items[7].labels == ("class 1", "class 2")


def test_rows_of_numbers_and_arrays_on_their_side(tmp_path: Path) -> None:
    """A row [1, N] of class numbers; version 7.3 as h5py users write it, with a column per item."""
    scipy.io.savemat(tmp_path / "row.mat", wiki(L_tr=NUMBERS_TR.T, L_te=NUMBERS_TE.T))
    expected = read_mat_parts(tmp_path / "row.mat")
    assert expected.items[3].labels == ("class 10",)
    assert expected.warnings == (
        "row.mat: 'L_tr': 1 x 5: has a column per item, and is turned",
        "row.mat: 'L_te': 1 x 3: has a column per item, and is turned",
    )
    write_mat73(tmp_path / "side.mat", {name: array.T for name, array in wiki().items()})
    found = read_mat_parts(tmp_path / "side.mat")
    assert found.items == expected.items
    np.testing.assert_array_equal(found.images, expected.images)
    assert len(found.warnings) == 6


def test_no_label_columns(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", wiki(L_tr=np.zeros((5, 0)), L_te=np.zeros((3, 0))))
    assert {item.labels for item in read_mat_parts(tmp_path / "a.mat").items} == {()}


def test_the_names_of_ucch(tmp_path: Path) -> None:
    names = ("VDatabase", "YDatabase", "databaseL", "VTest", "YTest", "testL")
    arrays = dict(zip(names, wiki(L_tr=MARKS_TR, L_te=MARKS_TE).values(), strict=True))
    scipy.io.savemat(tmp_path / "iapr-tc12-rand.mat", arrays)
    found = mat_triple.read(Path("raw"), path=str(tmp_path))
    assert found.official is not None
    assert (len(found.official.query), len(found.official.train)) == (3, 5)
    np.testing.assert_array_equal(
        found.images, np.concatenate([arrays["VDatabase"], arrays["VTest"]], dtype="f4")
    )


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        (
            {"L_te": None, "T_tr": None},
            "'T_tr', 'L_te': not there; found: I_te, I_tr, L_tr, T_te. Such a file",
        ),
        ({"T_te": np.ones((2, 2))}, "'T_te': 2 x 2"),
        ({"I_te": np.ones((3, 5))}, "the parts differ in their columns:\n  - 'I_tr' has 4 columns, 'I_te' 5"),
        ({"L_te": MARKS_TE}, "'L_tr' has 1 columns, 'L_te' 3"),
        ({"I_tr": np.full((5, 4), np.nan)}, "'I_tr' has 20 NaN or infinite value(s)"),
        ({"T_te": np.array(["a", "b", "c"])}, "'T_te' must be a matrix of real numbers"),
        ({"I_te": np.ones((3, 4)) * 1j}, "'I_te' must be a matrix of real numbers"),
        ({"T_te": {"a": 1.0}}, "'T_te' is a struct"),
        ({"L_te": np.array([[1], [2.5], [-1]])}, "'L_te' is a column of class numbers, and row 1, counted"),
        ({"L_tr": MARKS_TR * 2 - 1, "L_te": MARKS_TE}, "write -1 as 0:\n  - 'L_tr', row(s) 0, 1, 2, 3, 4,"),
        (
            {"L_tr": NUMBERS_TR * 0, "L_te": NUMBERS_TE > 1},
            "are one column of 0 and 1: numbers of two classes",
        ),
    ],
)
def test_what_does_not_fit(tmp_path: Path, changes: dict[str, Any], finding: str) -> None:
    assert finding in error_of(tmp_path / "wikiData.mat", wiki(**changes))
