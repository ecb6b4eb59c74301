from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from crosshash.datasets.readers.mat_files import read_mat_triple
from crosshash.errors import CrosshashError
from crosshash.pairs.source import PixelRows, RawItems
from tests.formats.mat_files import write_mat73, write_string_object

NAMES = np.array(["a.jpg", "bbb.jpg", "c/d.jpg", "e.jpg"])
LABELS = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 0, 1]])
TAGS = np.array([[1, 0, 1, 0, 1], [0, 0, 0, 0, 1], [0, 1, 1, 0, 0], [0, 0, 0, 1, 0]])
MARKS = [("class 0",), ("class 1", "class 2"), (), ("class 0", "class 2")]


def cells(*values: Any, column: bool = False) -> np.ndarray:  # noqa: ANN401
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array.reshape(-1, 1) if column else array


CAPTIONS = cells(np.array(["one", "uno "]), "two", " ", np.array(["four"]))
TEXTS = [("one", "uno"), ("two",), (), ("four",)]


def read(folder: Path, classes: Any = None, **arrays: Any) -> RawItems:  # noqa: ANN401
    """Write `<file>__<key>=array` arguments as .mat files, no index if there is none, and read them."""
    for argument, array in arrays.items():
        name, _, key = argument.partition("__")
        scipy.io.savemat(folder / f"{name}.mat", {key: array})
    index = folder / "index.mat"
    return read_mat_triple(
        folder, index if index.exists() else None, folder / "caption.mat", folder / "label.mat", classes
    )


def error_of(folder: Path, classes: Any = None, **arrays: Any) -> str:  # noqa: ANN401
    with pytest.raises(CrosshashError) as error:
        read(folder, classes, **arrays)
    assert str(folder) in str(error.value)
    return str(error.value)


def test_the_layout_of_the_clip_based_loaders(tmp_path: Path) -> None:
    """index, caption, category (kalenforn/clip-based-cross-modal-hash, dataset/builder.py)."""
    found = read(tmp_path, index__index=NAMES, caption__caption=CAPTIONS, label__category=LABELS)
    assert [item.id for item in found.items] == NAMES.tolist()
    assert [item.captions for item in found.items] == TEXTS
    assert [item.labels for item in found.items] == MARKS
    assert found.classes == ("class 0", "class 1", "class 2")
    assert found.images == tuple(tmp_path / name for name in NAMES)
    assert found.text is None
    assert found.warnings == ()


@pytest.mark.parametrize("key", ["index", "imgs", "FAll"])
@pytest.mark.parametrize("names", [NAMES, cells(*NAMES), cells(*NAMES, column=True)])
def test_image_names_in_every_spelling(tmp_path: Path, key: str, names: np.ndarray) -> None:
    """Strings (coco2014.py of WangGodder/deep-cross-modal-hashing) or cells (mirflckr25k.py there)."""
    found = read(tmp_path, **{f"index__{key}": names}, caption__caption=CAPTIONS, label__category=LABELS)
    assert [item.id for item in found.items] == NAMES.tolist()


def test_image_names_of_folder_and_file(tmp_path: Path) -> None:
    """Two strings per row, as nus_wide.py of WangGodder/deep-cross-modal-hashing joins them."""
    names = np.array([["actor", "1.jpg"], ["sea", "2.jpg"], ["sea", "3.jpg"], ["x", "44.jpg"]])
    found = read(tmp_path, index__imgs=names, caption__tags=TAGS, label__labels=LABELS)
    assert [item.id for item in found.items] == ["actor/1.jpg", "sea/2.jpg", "sea/3.jpg", "x/44.jpg"]


@pytest.mark.parametrize("key", ["caption", "captions", "tags", "YAll"])
@pytest.mark.parametrize(
    ("captions", "texts"),
    [
        (np.array(["one", "two", "t3", "four"]), [("one",), ("two",), ("t3",), ("four",)]),
        (np.array([["one"], ["two"], ["t3"], ["four"]]), [("one",), ("two",), ("t3",), ("four",)]),
        (np.array([["one", "two", "t3", "four"]]), [("one",), ("two",), ("t3",), ("four",)]),
        (cells("one", "two", "t3", "four", column=True), [("one",), ("two",), ("t3",), ("four",)]),
        (
            np.array([["1", "2"], ["3", "4"], ["5", ""], ["7", "8"]]),
            [("1", "2"), ("3", "4"), ("5",), ("7", "8")],
        ),
        (CAPTIONS, TEXTS),
        (cells(cells("one", "uno"), "two", cells(), cells(cells("four"))), TEXTS),
    ],
)
def test_captions_in_every_form(
    tmp_path: Path, key: str, captions: np.ndarray, texts: list[tuple[str, ...]]
) -> None:
    found = read(tmp_path, index__index=NAMES, **{f"caption__{key}": captions}, label__category=LABELS)
    assert [item.captions for item in found.items] == texts


@pytest.mark.parametrize("key", ["category", "categories", "labels", "label", "LAll"])
@pytest.mark.parametrize(
    "labels", [LABELS, LABELS.astype(float), LABELS.astype(bool), scipy.sparse.csc_array(LABELS * 1.0)]
)
def test_labels_in_every_form(tmp_path: Path, key: str, labels: np.ndarray) -> None:
    found = read(tmp_path, caption__YAll=TAGS, **{f"label__{key}": labels})
    assert [item.labels for item in found.items] == MARKS
    assert [item.id for item in found.items] == ["0", "1", "2", "3"]
    assert found.images is None


MARKS_AS_WRITTEN = {
    "label": LABELS.astype(np.float32),  # DarrenZZhang/MM23-MITH, make_nuswide.py: numpy.loadtxt
    "category": list(LABELS * 1.0),  # QinLab-WFU/DSPH, make_mirflickr25k.py: a list of rows of numpy.zeros
    "categories": list(LABELS.astype(np.int64)),  # make_coco.py there: rows of whole numbers
    "labels": LABELS.astype(np.int8),  # make_nuswide.py there
    "LAll": LABELS.astype(np.uint8),  # penghu-cs/UCCH, src/cmdataset.py
}


@pytest.mark.parametrize("key", MARKS_AS_WRITTEN)
def test_labels_as_published_scripts_save_them(tmp_path: Path, key: str) -> None:
    found = read(tmp_path, caption__YAll=TAGS, **{f"label__{key}": MARKS_AS_WRITTEN[key]})
    assert [item.labels for item in found.items] == MARKS
    write_mat73(tmp_path / "label.mat", {key: np.asarray(MARKS_AS_WRITTEN[key]).T})
    found = read(tmp_path)
    assert [item.labels for item in found.items] == MARKS
    assert found.warnings == (f"label.mat: '{key}': 3 x 4: has a column per item, and is turned",)


def test_numbers_of_classes_are_refused(tmp_path: Path) -> None:
    """A column of numbers, as class files for one class per item have it, is no matrix of 0 and 1."""
    message = error_of(tmp_path, caption__YAll=TAGS, label__label=np.array([[3], [1], [0], [2]]))
    assert "label.mat: 'label': 4 x 1: other values than 0 and 1 in row(s) 0, 3, counted from 0" in message
    assert "give a column per class" in message


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int16])
def test_tags_keep_their_type(tmp_path: Path, dtype: type) -> None:
    found = read(tmp_path, caption__YAll=TAGS.astype(dtype), label__LAll=LABELS)
    assert found.text is not None
    assert found.text.dtype == dtype
    assert found.text.flags.c_contiguous
    np.testing.assert_array_equal(found.text, TAGS)
    assert [item.captions for item in found.items] == [()] * 4


def test_logical_tags_become_numbers(tmp_path: Path) -> None:
    write_mat73(tmp_path / "caption.mat", {"tags": TAGS.astype(bool)})
    found = read(tmp_path, label__LAll=LABELS)
    assert found.text is not None
    assert found.text.dtype == np.uint8
    np.testing.assert_array_equal(found.text, TAGS)


def test_first_key_counts(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "label.mat", {"LAll": LABELS * 0, "category": LABELS})
    assert [item.labels for item in read(tmp_path, caption__tags=TAGS).items] == MARKS


def pictures(count: int) -> np.ndarray:
    return np.arange(count * 5 * 6 * 3).astype(np.uint8).reshape(count, 5, 6, 3)


def test_one_file_with_pictures(tmp_path: Path) -> None:
    """FLICKR-25K.mat: version 7.3, images (or IAll), YAll, LAll (jiangqy/DCMH-CVPR2017, load_data.py)."""
    for key in ("images", "IAll"):
        path = write_mat73(
            tmp_path / "FLICKR-25K.mat",
            {key: pictures(4).transpose(1, 2, 3, 0), "YAll": TAGS * 1.0, "LAll": LABELS * 1.0},
        )
        found = read_mat_triple(tmp_path, path, path, path)
        assert found.images == PixelRows(path, key, 4)
        assert [item.labels for item in found.items] == MARKS
        np.testing.assert_array_equal(found.text, TAGS)
        assert found.warnings == ()


def test_one_file_with_its_items_in_columns(tmp_path: Path) -> None:
    """WendellGul/DCMH, data_handler.py, reads LAll and YAll as N rows by h5py, columns for MATLAB."""
    path = write_mat73(
        tmp_path / "FLICKR-25K.mat",
        {"IAll": pictures(4).transpose(1, 2, 3, 0), "YAll": TAGS.T, "LAll": LABELS.T},
    )
    found = read_mat_triple(tmp_path, path, path, path)
    assert [item.labels for item in found.items] == MARKS
    np.testing.assert_array_equal(found.text, TAGS)
    assert found.warnings == (
        "FLICKR-25K.mat: 'LAll': 3 x 4: has a column per item, and is turned",
        "FLICKR-25K.mat: 'YAll': 5 x 4: has a column per item, and is turned",
    )


@pytest.mark.parametrize("key", ["XAll", "IAll", "images"])
def test_vectors(tmp_path: Path, key: str) -> None:
    """XAll: penghu-cs/UCCH, src/cmdataset.py; two axes are no pictures under any key."""
    vectors = np.arange(24, dtype=np.float64).reshape(4, 6) / 7
    found = read(tmp_path, **{f"index__{key}": vectors}, caption__YAll=TAGS, label__LAll=LABELS)
    assert isinstance(found.images, np.ndarray)
    assert found.images.dtype == np.float32
    np.testing.assert_array_equal(found.images, vectors.astype(np.float32))


def test_lines_of_text(tmp_path: Path) -> None:
    """NUS-WIDE's caption.txt has a line per item (QinLab-WFU/DSPH, dataset/make_nuswide.py)."""
    (tmp_path / "caption.txt").write_bytes("one ä \r\ntwo\n\nfour".encode())
    scipy.io.savemat(tmp_path / "label.mat", {"category": LABELS.astype(np.int8)})
    found = read_mat_triple(tmp_path, None, tmp_path / "caption.txt", tmp_path / "label.mat")
    assert [item.captions for item in found.items] == [("one ä",), ("two",), (), ("four",)]
    (tmp_path / "caption.txt").write_bytes(b"one\nf\xfcr\n\n\n")
    with pytest.raises(CrosshashError, match=r"caption\.txt: line 2, byte 2 \(0xfc\) is not UTF-8"):
        read_mat_triple(tmp_path, None, tmp_path / "caption.txt", tmp_path / "label.mat")


def test_rows_of_the_same_image_are_one_item(tmp_path: Path) -> None:
    """Row 2 joins row 0: captions "one", "three"; labels 0 and 2 of [1 0 0] and [0 0 1]."""
    found = read(
        tmp_path,
        index__index=np.array(["a.jpg", "b.jpg", "./a.jpg", "c.jpg"]),
        caption__caption=np.array(["one", "two", "three", "four"]),
        label__category=np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]),
    )
    assert [(item.id, item.captions, item.labels) for item in found.items] == [
        ("a.jpg", ("one", "three"), ("class 0", "class 2")),
        ("b.jpg", ("two",), ("class 1",)),
        ("c.jpg", ("four",), ()),
    ]
    assert found.images == tuple(tmp_path / name for name in ("a.jpg", "b.jpg", "c.jpg"))
    assert "1 image names are repeated; captions can be joined, tags not" in error_of(
        tmp_path, caption__caption=TAGS
    )


def test_absolute_names_of_another_machine(tmp_path: Path) -> None:
    """QinLab-WFU/DSPH, dataset/make_mirflickr25k.py and make_coco.py write absolute names."""
    names = [f"/home/admin/mirflickr/im{number}.jpg" for number in range(4)]
    arrays = {"caption__caption": CAPTIONS, "label__category": LABELS}
    message = error_of(tmp_path, index__index=np.array(names), **arrays)
    assert (
        "index.mat: 'index': 4 texts: outside of the folder: /home/admin/mirflickr/im0.jpg; copy it"
        in message
    )
    (tmp_path / "mirflickr").mkdir()
    for number in range(3):
        (tmp_path / f"mirflickr/im{number}.jpg").touch()
    found = read(tmp_path)
    assert found.items[3].id == "mirflickr/im3.jpg"
    assert found.warnings == ("index.mat: image names are read without '/home/admin/'",)


def test_images_are_found_in_the_spelling_of_the_disk(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "été/é.jpg")
    (tmp_path / decomposed).parent.mkdir()
    (tmp_path / decomposed).touch()
    names = np.array(["été\\é.jpg", "b.jpg", decomposed, "c.jpg"])
    found = read(tmp_path, index__index=names, caption__caption=CAPTIONS, label__category=LABELS)
    assert [item.id for item in found.items] == ["été/é.jpg", "b.jpg", "c.jpg"]
    assert found.images == tuple(tmp_path / name for name in (decomposed, "b.jpg", "c.jpg"))


def test_given_classes(tmp_path: Path) -> None:
    arrays = {"caption__tags": TAGS, "label__labels": LABELS}
    found = read(tmp_path, ("sky", "sea", "ant"), **arrays)
    assert found.classes == ("sky", "sea", "ant")
    assert found.items[1].labels == ("sea", "ant")
    assert "label.mat: 'labels': 4 x 3: 2 classes are expected, a column for each" in error_of(
        tmp_path, ("sky", "sea"), **arrays
    )


def test_numbered_classes_sort_as_text(tmp_path: Path) -> None:
    found = read(tmp_path, caption__tags=TAGS, label__labels=np.eye(4, 24))
    assert found.classes[:2] == ("class 00", "class 01")
    assert list(found.classes) == sorted(found.classes)


def test_no_label_columns_mean_no_labels(tmp_path: Path) -> None:
    found = read(tmp_path, index__index=NAMES, caption__caption=CAPTIONS, label__category=np.zeros((4, 0)))
    assert found.classes == ()
    assert [item.labels for item in found.items] == [()] * 4


def test_row_counts_that_differ(tmp_path: Path) -> None:
    message = error_of(
        tmp_path, index__index=NAMES[:3], caption__tags=TAGS[:2], label__labels=np.ones((7, 1))
    )
    for line in ("label.mat: 'labels': 7 x 1", "caption.mat: 'tags': 2 x 5", "index.mat: 'index': 3 texts"):
        assert line in message
    message = error_of(tmp_path, index__IAll=pictures(5), caption__tags=TAGS[:2], label__labels=LABELS)
    assert "index.mat: 'IAll': 5 x 5 x 6 x 3" in message


def test_all_bad_values_are_listed_together(tmp_path: Path) -> None:
    message = error_of(
        tmp_path,
        index__index=np.array(["../a.jpg", "b.jpg", "", "/x/d.jpg"]),
        caption__YAll=np.where(TAGS == 1, np.nan, 0),
        label__LAll=np.array([[1, -1], [0, 1], [2, 0], [0.5, 1]]),
    )
    assert (
        "'LAll': 4 x 2: other values than 0 and 1 in row(s) 0, 2, 3, counted from 0; give a column" in message
    )
    assert "write -1 as 0" in message
    assert "'YAll': 4 x 5: 7 NaN or infinite value(s)" in message
    assert "no image name in row 2, counted from 0" in message
    assert "outside of the folder: ../a.jpg" in message
    assert "outside of the folder: /x/d.jpg" in message


def test_bad_vectors(tmp_path: Path) -> None:
    message = error_of(
        tmp_path, index__XAll=np.array([[1.0], [np.inf], [2], [3]]), caption__tags=TAGS, label__labels=LABELS
    )
    assert "array 'XAll' has 1 NaN or infinite value(s), in row(s) 1" in message


@pytest.mark.parametrize(
    ("arrays", "finding"),
    [
        (
            {"label__marks": LABELS},
            "label.mat: has no variable category, categories, labels, label or LAll; found: 'marks'",
        ),
        (
            {"caption__x": TAGS, "label__labels": LABELS},
            "caption.mat: has no variable caption, captions, tags or",
        ),
        ({"label__labels": NAMES}, "label.mat: 'labels' must be a matrix of real numbers"),
        ({"label__labels": LABELS * 1j}, "label.mat: 'labels' must be a matrix of real numbers"),
        (
            {"label__labels": {"a": LABELS}},
            "label.mat: variable(s) that are no arrays:\n  - 'labels' is a struct",
        ),
        ({"label__labels": np.ones((2, 2, 2))}, "label.mat: 'labels' must be a matrix of real numbers"),
        (
            {"label__labels": LABELS, "caption__tags": cells(1.0, 2.0)},
            "'tags' is a cell array of more than text",
        ),
        ({"label__labels": np.zeros((0, 3)), "caption__tags": np.zeros((0, 5))}, "differ in their rows"),
    ],
)
def test_what_is_missing_or_no_array(tmp_path: Path, arrays: dict[str, Any], finding: str) -> None:
    assert finding in error_of(tmp_path, **arrays)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    assert "label.mat: not found" in error_of(tmp_path)
    write_string_object(tmp_path / "label.mat")
    assert "found: 's' (opaque). Rename the right one; save MATLAB's string arrays" in error_of(tmp_path)
