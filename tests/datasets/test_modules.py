"""What every data set's module offers, and the two that read the user's own files."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import scipy.io

from crosshash.config.params import DATASETS
from crosshash.datasets import custom, features
from crosshash.errors import CrosshashError
from crosshash.pairs.source import Dataset, SplitSizes
from tests.datasets.folders import plain_rows, write_csv, write_folder


@pytest.mark.parametrize("name", DATASETS)
def test_module_has_the_four_parts(name: str) -> None:
    module = cast(Dataset, importlib.import_module(f"crosshash.datasets.{name}"))
    assert isinstance(module.SIZES, SplitSizes)
    assert all(callable(part) for part in (module.folder, module.fetch, module.read))


def test_custom_lists_its_files_and_copies_nothing(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", plain_rows(3))
    (folder / "notes.txt").write_text("not named in pairs.csv")
    (folder / "1.jpg").unlink()
    files = custom.fetch(tmp_path / "raw", path=str(folder))
    assert [file.name for file in files] == ["0.jpg", "2.jpg", "pairs.csv"]
    assert not (tmp_path / "raw").exists()


def test_custom_reads_labels_and_captions(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, [("a.jpg", "x", "b;a"), ("a.jpg", "y", ""), ("c.jpg", "", "")])
    source = custom.read(tmp_path, path=str(folder))
    assert source.classes == ("a", "b")
    assert [(item.captions, item.labels) for item in source.items] == [(("x", "y"), ("b", "a")), ((), ())]


def test_custom_path_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(
        CrosshashError, match=r"custom\.path: '.*none' is not there\. Give a folder with pairs\.csv"
    ):
        custom.fetch(tmp_path, path=str(tmp_path / "none"))
    (tmp_path / "file").write_text("")
    with pytest.raises(CrosshashError, match=r"custom\.path: '.*file' is a file\. Give a folder"):
        custom.fetch(tmp_path, path=str(tmp_path / "file"))


def test_custom_without_table(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"pairs\.csv: not found"):
        custom.fetch(tmp_path, path=str(tmp_path))


IMAGE = np.arange(8, dtype=np.float32).reshape(4, 2)
ROWS = [("a", "one", "x"), ("b", "two", "y;x"), ("a", "again", ""), ("c", "", ""), ("d", "four", "y")]


def feature_folder(folder: Path, **arrays: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    write_csv(folder / "pairs.csv", ROWS)
    np.savez(folder / "features.npz", **arrays)  # type: ignore[arg-type]
    return folder


def test_features_are_matched_by_name(tmp_path: Path) -> None:
    folder = feature_folder(
        tmp_path / "set", image=IMAGE, text=10 + IMAGE, names=np.array(["d", "c", "b", "a"])
    )
    source = features.read(tmp_path, path=str(folder))
    assert [item.id for item in source.items] == ["a", "b", "c", "d"]
    assert source.items[0].captions == ("one", "again")
    np.testing.assert_array_equal(source.images, IMAGE[::-1])
    np.testing.assert_array_equal(source.text, 10 + IMAGE[::-1])
    assert source.classes == ("x", "y")
    assert source.warnings == ()
    assert [file.name for file in features.fetch(tmp_path, path=str(folder))] == ["features.npz", "pairs.csv"]


def test_features_without_names_go_by_order(tmp_path: Path) -> None:
    source = features.read(tmp_path, path=str(feature_folder(tmp_path / "set", image=IMAGE)))
    np.testing.assert_array_equal(source.images, IMAGE)
    assert source.text is None


def test_features_without_names_must_be_as_many_as_items(tmp_path: Path) -> None:
    folder = feature_folder(tmp_path / "set", image=np.ones((5, 2)))
    with pytest.raises(CrosshashError, match=r"features\.npz: 5 rows, but .*pairs\.csv has 4 items"):
        features.read(tmp_path, path=str(folder))


def test_items_without_vector_are_listed(tmp_path: Path) -> None:
    folder = feature_folder(tmp_path / "set", image=IMAGE, names=np.array(["b", "c", "e", "f"]))
    with pytest.raises(CrosshashError) as error:
        features.read(tmp_path, path=str(folder))
    message = str(error.value)
    assert "pairs.csv: 2 item(s) are not among the names in features.npz" in message
    assert "row 2, 4: a" in message
    assert "row 6: d" in message


def test_vectors_without_item_and_constant_columns_are_told(tmp_path: Path) -> None:
    image = np.ones((5, 3), dtype=np.float16)
    image[:, 1] = range(5)
    folder = feature_folder(tmp_path / "set", image=image, names=np.array(["b", "c", "a", "d", "more"]))
    source = features.read(tmp_path, path=str(folder))
    assert len(source.images) == 4
    assert source.warnings == (
        "1 vectors have no row in pairs.csv and are left out",
        "array 'image': 2 of 3 columns are the same in every row; they are kept",
    )


def test_bad_features_fail_while_fetching(tmp_path: Path) -> None:
    folder = feature_folder(tmp_path / "set", image=np.array([[1.0, np.nan]] * 4))
    with pytest.raises(CrosshashError, match="4 NaN or infinite"):
        features.fetch(tmp_path, path=str(folder))


LABELS = np.array([[1, 0], [0, 0], [1, 1], [0, 1]], dtype=np.uint8)


@pytest.mark.parametrize("name", ["all.npz", "all.mat"])
def test_one_file_with_everything(tmp_path: Path, name: str) -> None:
    arrays = {"image": IMAGE, "text": IMAGE + 1, "labels": LABELS}
    if name.endswith(".npz"):
        np.savez(tmp_path / name, **arrays)  # type: ignore[arg-type]
    else:
        scipy.io.savemat(tmp_path / name, arrays)
    source = features.read(tmp_path, path=str(tmp_path / name))
    assert [item.id for item in source.items] == ["0", "1", "2", "3"]
    assert source.classes == ("class 0", "class 1")
    assert [item.labels for item in source.items] == [("class 0",), (), ("class 0", "class 1"), ("class 1",)]
    np.testing.assert_array_equal(source.text, IMAGE + 1)
    assert [file.name for file in features.fetch(tmp_path, path=str(tmp_path / name))] == [name]


def test_one_file_with_captions_names_and_classes(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "all.npz",
        image=IMAGE,
        labels=LABELS,
        captions=np.array([["a", "b"], ["c", ""], ["", ""], ["d", "e"]]),
        names=np.array(["p", "q", "r", "s"]),
        classes=np.array(["zebra", "ant"]),
    )
    source = features.read(tmp_path, path=str(tmp_path / "all.npz"))
    assert source.text is None
    assert source.classes == ("zebra", "ant")
    assert source.items[2].id == "r"
    assert source.items[2].labels == ("zebra", "ant")
    assert [item.captions for item in source.items] == [("a", "b"), ("c",), (), ("d", "e")]


def test_class_numbers_sort_as_text(tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", image=IMAGE, text=IMAGE, labels=np.ones((4, 12)))
    classes = features.read(tmp_path, path=str(tmp_path / "all.npz")).classes
    assert classes[:2] == ("class 00", "class 01")
    assert list(classes) == sorted(classes)


@pytest.mark.parametrize("arrays", [{"labels": LABELS}, {"text": IMAGE}])
def test_one_file_needs_labels_and_a_text(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "all.npz", image=IMAGE, **arrays)  # type: ignore[arg-type]
    with pytest.raises(CrosshashError, match=r"all\.npz: needs an array 'labels' .* and an array 'text'"):
        features.read(tmp_path, path=str(tmp_path / "all.npz"))


def test_labels_without_columns_mean_no_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", image=IMAGE, text=IMAGE, labels=np.zeros((4, 0)))
    source = features.read(tmp_path, path=str(tmp_path / "all.npz"))
    assert source.classes == ()
    assert all(item.labels == () for item in source.items)


def test_features_path_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(
        CrosshashError, match=r"features\.path: '.*none' is not there\. Give a folder with features\.npz"
    ):
        features.fetch(tmp_path, path=str(tmp_path / "none"))
