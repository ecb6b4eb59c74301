"""Codes of other code bases in .mat files of any version; how values are read is tested with the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import CodeSet
from crosshash.retrieval.codefiles.foreign import read_foreign
from tests.formats.mat_files import write_mat73

CODES = np.array([[1, -1, 1], [-1, -1, 1]], dtype=np.int8)
LABELS = np.array([[1, 0], [1, 1]], dtype=np.uint8)
SIX = {
    "q_img": CODES,
    "q_txt": -CODES,
    "r_img": np.tile(CODES, (2, 1)),
    "r_txt": np.tile(-CODES, (2, 1)),
    "q_l": LABELS,
    "r_l": np.tile(LABELS, (2, 1)),
}


def test_all_versions_say_the_same(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "5.mat", SIX)
    scipy.io.savemat(tmp_path / "4.mat", {key: value * 1.0 for key, value in SIX.items()}, format="4")
    write_mat73(tmp_path / "7.3.mat", SIX)
    write_mat73(
        tmp_path / "sparse.mat",
        {
            key: scipy.sparse.csc_array(value.astype(bool)) if key.endswith("l") else value
            for key, value in SIX.items()
        },
    )
    for name in ("5", "4", "7.3", "sparse"):
        query, retrieval, read_as = read_foreign(tmp_path / f"{name}.mat")
        assert query.labels.tolist() == LABELS.tolist()
        assert len(retrieval.labels) == 4
        assert query.image.packed.tolist() == [[0b10100000], [0b00100000]]
        assert query.text.packed.tolist() == [[0b01000000], [0b11000000]]
        assert read_as == "six arrays of codes of 3 bits: +-1; labels: 0/1, 2 classes"


def test_absent_and_foreign_arrays(tmp_path: Path) -> None:
    path = tmp_path / "codes.mat"
    scipy.io.savemat(path, {**SIX, "settings": {"bits": 3.0}})
    assert len(read_foreign(path)[0].labels) == 2
    scipy.io.savemat(path, {"q_img": CODES, "settings": {"bits": 3.0}})
    with pytest.raises(
        CrosshashError, match="no array q_txt, r_img, r_txt, q_l, r_l; there are: q_img, settings"
    ):
        read_foreign(path)
    scipy.io.savemat(path, {**SIX, "q_l": {"bits": 3.0}})
    with pytest.raises(CrosshashError, match="'q_l' is a struct"):
        read_foreign(path)
    scipy.io.savemat(path, {**SIX, "q_l": np.array(["a", "b"])})
    with pytest.raises(CrosshashError, match=r"q_l is .* a table of numbers is needed"):
        read_foreign(path)


def read(path: Path, **changes: object) -> tuple[CodeSet, CodeSet, str]:
    np.savez(path / "codes.npz", **{**SIX, **changes})  # type: ignore[arg-type]
    return read_foreign(path / "codes.npz")


SIGNS = "six arrays of codes of 3 bits: +-1; labels: "
ALONE, UNLABELLED = np.array([[1, 0], [0, 0]]), np.zeros((2, 2), np.uint8)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "0/1, 2 classes"),
        ({"q_l": ALONE}, "0/1, 2 classes; 1 items without any label, taken as relevant to nothing"),
        ({"q_l": UNLABELLED, "r_l": np.tile(UNLABELLED, (2, 1))}, "0/1, 2 classes"),
        ({"q_l": np.ones((2, 1)), "r_l": np.ones((4, 1), bool)}, "0/1, 1 class"),
        ({"q_l": np.array([1, 0]), "r_l": np.array([0, 1, 0, 1])}, "class numbers, 2 classes"),
        ({"q_l": np.array([1, 1]), "r_l": np.array([[1.0, 1, 1, 1]])}, "class numbers, 1 class"),
        ({"q_l": np.array([[1], [0]]), "r_l": np.array([[0], [3], [0], [1]])}, "class numbers, 3 classes"),
    ],
)
def test_what_the_labels_were_taken_for(tmp_path: Path, changes: dict[str, np.ndarray], words: str) -> None:
    """Sets without any label say nothing of items without one, as nothing is known of theirs."""
    query, retrieval, read_as = read(tmp_path, **changes)
    assert read_as == SIGNS + words
    labelled = any(array.any() for array in (changes.get("q_l", LABELS), changes.get("r_l", LABELS)))
    for side, name in ((query, "query"), (retrieval, "retrieval")):
        assert side.ids.tolist() == [f"{name} {row}" for row in range(len(side))]
        assert side.classes.tolist() == [str(column) for column in range(side.labels.shape[1])]
        assert side.labels.dtype == np.uint8
        assert side.has_text.all()
        assert side.has_labels.tolist() == [labelled] * len(side)


def test_class_numbers_become_columns_in_their_order(tmp_path: Path) -> None:
    """0, 1 and 3 are the three columns, also of queries that have only two of them."""
    query, retrieval, _ = read(tmp_path, q_l=np.array([3, 0]), r_l=np.array([0, 3, 1, 0]))
    assert query.labels.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert retrieval.labels.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_square_tables_are_named_behind_all_else(tmp_path: Path) -> None:
    """Of one row and one column nobody can be mistaken."""
    square = {
        "q_img": CODES[:, :2],
        "q_txt": CODES[:, 1:],
        "r_img": SIX["r_img"][:, :2],
        "r_txt": SIX["r_txt"][:, 1:],
    }
    told = "six arrays of codes of 2 bits: +-1; labels: 0/1, 2 classes"
    rows = "; square, so rows were taken for items: q_img [2, 2], q_txt [2, 2]"
    assert read(tmp_path, **square)[2] == told + rows
    lacking = "; 1 items without any label, taken as relevant to nothing"
    assert read(tmp_path, **square, q_l=ALONE)[2] == told + lacking + rows
    one = {key: value[:1, :1] if key[0] == "q" else value[:, :1] for key, value in SIX.items()}
    assert "square" not in read(tmp_path, **one)[2]


def refused(path: Path, **changes: object) -> str:
    with pytest.raises(CrosshashError) as caught:
        read(path, **changes)
    start = f"{path / 'codes.npz'}: these codes cannot be scored:\n  - "
    assert str(caught.value).startswith(start)
    return str(caught.value).removeprefix(start)


def test_the_fewest_arrays_on_their_side_are_named_unless_it_is_a_choice(tmp_path: Path) -> None:
    """Queries of 2 x 3 and items of 3 x 2 numbers fit once either are transposed."""
    assert refused(tmp_path, r_img=SIX["r_img"].T) == (
        "transposed, as it seems: r_img [3, 4]; a row is an item: transpose r_img"
    )
    wide, tall = np.ones((2, 3), np.int8), np.ones((3, 2), np.int8)
    queries, items = (
        dict.fromkeys(("q_img", "q_txt", "q_l"), wide),
        dict.fromkeys(("r_img", "r_txt", "r_l"), tall),
    )
    assert refused(tmp_path, **queries, **items).splitlines() == [
        "code lengths must be equal and above 0: q_img 3, q_txt 3, r_img 2, r_txt 2",
        "  - numbers of classes must be equal and above 0: q_l 3, r_l 2",
    ]


def test_all_numbers_that_differ_are_named(tmp_path: Path) -> None:
    nothing = {name: np.ones((0, 3)) for name in ("r_img", "r_txt")} | {"r_l": np.ones((0, 2))}
    found = refused(tmp_path, **nothing, q_txt=np.ones((5, 3)), q_l=np.ones((2, 4)))
    assert found.splitlines() == [
        "row counts of the query set differ: q_img 2, q_txt 5, q_l 2",
        "  - the retrieval set is empty: r_img, r_txt, r_l have no row",
        "  - numbers of classes must be equal and above 0: q_l 4, r_l 2",
    ]
    widthless = {name: np.ones((len(SIX[name]), 0)) for name in SIX}
    assert refused(tmp_path, **widthless).splitlines() == [
        "code lengths must be equal and above 0: q_img 0, q_txt 0, r_img 0, r_txt 0",
        "  - numbers of classes must be equal and above 0: q_l 0, r_l 0",
    ]


def test_values_of_codes_and_labels_are_named_together(tmp_path: Path) -> None:
    found = refused(
        tmp_path, q_img=CODES * 3, q_l=LABELS * np.array([[1], [2]]), r_l=np.tile(LABELS, (2, 1)) * 2
    )
    assert found.splitlines() == [
        "q_img holds the values -3, 3, neither +-1 nor 0/1; write them as +-1 or 0/1, one number per bit",
        "  - q_l holds values other than 0 and 1 in 1 rows, first in row 1",
        "  - r_l holds values other than 0 and 1 in 4 rows, first in row 0",
    ]
    kind = ", a column of class numbers, holds others than whole ones from 0 on in "
    found = refused(tmp_path, q_l=np.array([2, -1]), r_l=np.array([0.5, 1, np.nan, np.inf]))
    assert found.splitlines() == [f"q_l{kind}1 rows, first in row 1", f"  - r_l{kind}3 rows, first in row 0"]


ABSENT = "no array q_img, q_txt, r_img, r_txt, q_l, r_l; there are: "


def said(path: Path) -> str:
    with pytest.raises(CrosshashError) as caught:
        read_foreign(path)
    return str(caught.value)


def test_what_is_there_in_place_of_the_six_arrays(tmp_path: Path) -> None:
    """The other file is named to those alone who have one of the encode stage."""
    path = tmp_path / "codes.npz"
    np.savez(path)
    assert said(path) == f"{path}: {ABSENT}none."
    np.savez(path, b=CODES, a=CODES)
    assert said(path) == f"{path}: {ABSENT}a, b."
    np.savez(path, has_text=CODES)
    hint = "A query.npz is scored with its retrieval.npz beside it."
    assert said(path) == f"{path}: {ABSENT}has_text. {hint}"
    scipy.io.savemat(tmp_path / "codes.mat", {"has_text": CODES})
    assert said(tmp_path / "codes.mat") == f"{tmp_path / 'codes.mat'}: {ABSENT}has_text."


def test_files_that_a_set_lacks_are_named_with_its_path(tmp_path: Path) -> None:
    for name, array in SIX.items():
        if name != "q_l":
            np.save(tmp_path / f"run_{name}.npy", array)
            np.save(tmp_path / f"{name}.npy", array)
    words = "a set of codes is six .npy files; not found:\n  - "
    assert said(tmp_path) == f"{tmp_path}: {words}{tmp_path}/q_l.npy"
    for beginning in (tmp_path / "run", tmp_path / "run_"):
        assert said(beginning) == f"{beginning}: {words}{tmp_path}/run_q_l.npy"
