from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from crosshash.errors import CrosshashError
from crosshash.formats.feature_file import constant_columns, read_features
from tests.formats.mat_files import write_mat73

IMAGE = np.arange(12, dtype=np.float16).reshape(4, 3)
LABELS = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])


def npz(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "a.npz", **arrays)  # type: ignore[arg-type]
    return folder / "a.npz"


def error_of(path: Path) -> str:
    with pytest.raises(CrosshashError) as error:
        read_features(path)
    assert str(path) in str(error.value)
    return str(error.value)


def test_all_arrays(tmp_path: Path) -> None:
    features = read_features(
        npz(
            tmp_path,
            image=IMAGE,
            text=np.ones((4, 2), dtype=np.uint8),
            labels=LABELS.astype(float),
            captions=np.array(["one", "", "three ", "four"]),
            names=np.array(["a", "b", "c", "d"]),
            classes=np.array(["x", "y"]),
            other=np.zeros(7),
        )
    )
    assert features.image.dtype == np.float32
    np.testing.assert_array_equal(features.image, IMAGE)
    assert features.text is not None
    assert features.text.dtype == np.float32
    assert features.labels is not None
    assert features.labels.tolist() == LABELS.astype(bool).tolist()
    assert features.captions == (("one",), (), ("three",), ("four",))
    assert features.names == ("a", "b", "c", "d")
    assert features.classes == ("x", "y")


def test_absent_arrays_are_none(tmp_path: Path) -> None:
    features = read_features(npz(tmp_path, image=IMAGE))
    assert (features.text, features.labels, features.captions, features.names, features.classes) == (
        None,
    ) * 5


def test_matlab_file(tmp_path: Path) -> None:
    """Texts as MATLAB keeps them: a padded char matrix, cells of one text, cells of several."""
    cells = np.empty((4, 1), dtype=object)
    cells[:, 0] = ["one", np.array(["two", "zwei   "]), np.array([], dtype="<U1"), "four"]
    path = tmp_path / "a.mat"
    scipy.io.savemat(
        path,
        {
            "image": scipy.sparse.csc_array(IMAGE.astype(float)),
            "labels": LABELS.astype(np.uint8),
            "names": np.array(["a", "long", "c", "d"]),
            "captions": cells,
            "classes": np.array([["x", "why"]], dtype=object),
        },
    )
    features = read_features(path)
    np.testing.assert_array_equal(features.image, IMAGE)
    assert features.names == ("a", "long", "c", "d")
    assert features.captions == (("one",), ("two", "zwei"), (), ("four",))
    assert features.classes == ("x", "why")


def test_bad_values_are_counted_and_placed(tmp_path: Path) -> None:
    image = np.ones((9, 4))
    image[2, 1] = np.nan
    image[5, [1, 3]] = np.inf
    message = error_of(npz(tmp_path, image=image))
    assert "array 'image' has 3 NaN or infinite value(s), in row(s) 2, 5 and column(s) 1, 3" in message
    assert "counted from 0" in message


def test_many_bad_rows_are_cut_short(tmp_path: Path) -> None:
    assert "row(s) 0, 1, 2, 3, 4 and 15 more" in error_of(
        npz(tmp_path, image=IMAGE, text=np.full((20, 1), np.nan))
    )


def test_numbers_too_large_for_float32(tmp_path: Path) -> None:
    assert "NaN or infinite" in error_of(npz(tmp_path, image=np.array([[1e300, 1.0]])))


@pytest.mark.parametrize(
    "image",
    [
        np.ones(4),
        np.ones((2, 2, 2)),
        np.ones((0, 3)),
        np.ones((3, 0)),
        np.ones((2, 2), complex),
        np.array([["a"]]),
    ],
)
def test_image_must_be_a_matrix_of_numbers(tmp_path: Path, image: np.ndarray) -> None:
    assert "array 'image' must be a matrix of real numbers, a row per item" in error_of(
        npz(tmp_path, image=image)
    )


def test_image_is_needed(tmp_path: Path) -> None:
    assert "array 'image' (float[N, D], a row per item) is missing; found: images" in error_of(
        npz(tmp_path, images=IMAGE)
    )


@pytest.mark.parametrize(
    ("labels", "finding"),
    [
        (np.array([0, 1, 2, 1]), "must be a matrix of 0 and 1"),
        (np.array([[0, 1], [2, 0], [1, 1], [-1, 0]]), "other values than 0 and 1, in row(s) 1, 3"),
    ],
)
def test_labels_must_be_zero_or_one(tmp_path: Path, labels: np.ndarray, finding: str) -> None:
    assert finding in error_of(npz(tmp_path, image=IMAGE, labels=labels))


def test_all_row_counts_are_named(tmp_path: Path) -> None:
    message = error_of(npz(tmp_path, image=IMAGE, text=IMAGE[:3], labels=LABELS[:2], names=np.array(["a"])))
    assert "differ in their rows: image 4, text 3, labels 2, names 1" in message


def test_classes_must_fit_the_labels(tmp_path: Path) -> None:
    message = error_of(npz(tmp_path, image=IMAGE, labels=LABELS, classes=np.array(["a", "b", "c"])))
    assert "array 'labels' has 2 columns, 'classes' names 3" in message


def test_names_must_differ(tmp_path: Path) -> None:
    message = error_of(npz(tmp_path, image=IMAGE, names=np.array(["a", "b", "a", ""])))
    assert "array 'names' must hold different texts, none empty" in message
    assert "- a" in message
    assert "- (empty)" in message


def test_bytes_are_read_as_utf8(tmp_path: Path) -> None:
    features = read_features(
        npz(
            tmp_path,
            image=IMAGE,
            labels=LABELS,
            captions=np.array([["un café noir".encode(), b""], [b"two", b"zwei "], [b"", b""], [b"x", b""]]),
            names=np.array(["é.jpg".encode(), b"b", b"c", b"d"]),
            classes=np.array(["café".encode(), b"tea"]),
        )
    )
    assert features.captions == (("un café noir",), ("two", "zwei"), (), ("x",))
    assert features.names == ("é.jpg", "b", "c", "d")
    assert features.classes == ("café", "tea")


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    names = np.array([b"a", b"caf\xe9", b"c", b"d"])
    message = error_of(npz(tmp_path, image=IMAGE, names=names))
    assert "array 'names', row 1, counted from 0: byte 4 (0xe9) is not UTF-8" in message


@pytest.mark.parametrize("key", ["captions", "names", "classes"])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(4),
        np.array([0.5, np.nan, 1, 2]),
        np.array([True, False, True, False]),
        np.array(["2024-01-01"] * 4, dtype="datetime64[D]"),
        np.zeros(4, dtype=[("a", "i4"), ("b", "U3")]),
        np.ones(4, complex),
    ],
)
def test_what_is_no_text_is_refused_by_name_and_type(tmp_path: Path, key: str, array: np.ndarray) -> None:
    message = error_of(npz(tmp_path, image=IMAGE, **{key: array}))
    assert (
        f"array '{key}' must hold texts, in each row one or several; found {array.dtype} of shape (4,)"
        in message
    )


def test_numbers_for_texts_in_a_matlab_file(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"image": np.ones((2, 2)), "captions": np.array([[7, 8], [9, 9]])})
    assert "array 'captions' must hold texts, in each row one or several; found int64" in error_of(
        tmp_path / "a.mat"
    )


def test_names_and_classes_come_in_one_spelling(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "café")
    arrays = {"image": IMAGE, "labels": LABELS, "names": np.array([f"{decomposed}.jpg", "b", "c", "d"])}
    features = read_features(
        npz(tmp_path, **arrays, classes=np.array([decomposed, "tea\N{NO-BREAK SPACE}time"]))
    )
    assert features.names == ("café.jpg", "b", "c", "d")
    assert features.classes == ("café", "tea time")
    message = error_of(npz(tmp_path, **arrays, classes=np.array([decomposed, "café"])))
    assert "array 'classes' must hold different texts, none empty; found again:\n  - café" in message


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.array([[{}]], dtype=object))
    assert "arrays of Python objects are refused" in error_of(tmp_path / "a.npz")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "not found" in error_of(tmp_path / "none.npz")
    (tmp_path / "a.txt").write_text("x")
    assert "neither .npz nor .mat" in error_of(tmp_path / "a.txt")
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400))
    assert "header says version 7.3, but no HDF5 follows" in error_of(tmp_path / "a.mat")
    (tmp_path / "b.mat").write_bytes(b"no matrices here" * 20)
    assert "cannot be read as a .mat file" in error_of(tmp_path / "b.mat")


def test_constant_columns() -> None:
    assert constant_columns(np.array([[1.0, 0, 5], [2, 0, 5], [1, 0, 4]])) == 1


def test_matlab_file_of_version_73(tmp_path: Path) -> None:
    cells = np.empty((4, 1), dtype=object)
    cells[:, 0] = ["one", np.array(["two", "zwei"]), "", "four"]
    path = write_mat73(
        tmp_path / "a.mat",
        {
            "image": scipy.sparse.csc_array(IMAGE.astype(float)),
            "labels": LABELS.astype(bool),
            "names": np.array(["a", "long", "c", "d"]),
            "captions": cells,
            "settings": cells[:1],
        },
    )
    features = read_features(path)
    np.testing.assert_array_equal(features.image, IMAGE)
    assert features.labels is not None
    assert features.labels.tolist() == LABELS.astype(bool).tolist()
    assert features.names == ("a", "long", "c", "d")
    assert features.captions == (("one",), ("two", "zwei"), (), ("four",))


def test_arrays_that_are_not_asked_for_may_be_anything(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"image": IMAGE.astype(float), "settings": {"rate": 1.0}})
    assert read_features(tmp_path / "a.mat").image.shape == (4, 3)
    scipy.io.savemat(tmp_path / "b.mat", {"image": {"x": 1.0}, "other": 1.0})
    assert "'image' is a struct; save its fields" in error_of(tmp_path / "b.mat")
    scipy.io.savemat(tmp_path / "c.mat", {"other": 1.0, "settings": {"rate": 1.0}})
    assert "array 'image' (float[N, D], a row per item) is missing; found: other, settings" in error_of(
        tmp_path / "c.mat"
    )
