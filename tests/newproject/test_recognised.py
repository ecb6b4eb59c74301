from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from crosshash.errors import CrosshashError
from crosshash.newproject.layout import default_settings
from crosshash.newproject.recognised import Recognised, recognise
from tests.projects import ROOT


def look(folder: Path) -> Recognised:
    return recognise(folder, default_settings(ROOT))


@pytest.mark.parametrize("dataset", ["custom", "features", "webdataset", "parquet", "embeddings", "karpathy"])
def test_the_examples_are_known_by_their_files(dataset: str) -> None:
    found = look(ROOT / "examples" / dataset)
    assert found.dataset == dataset
    assert found.settings["path"] == str(ROOT / "examples" / dataset)
    assert found.captioned > 0
    assert found.pictures == (dataset not in ("features", "embeddings"))


def test_texts_beside_pictures_are_found(tmp_path: Path) -> None:
    images = sorted((ROOT / "examples/custom/images").iterdir())[:3]
    for place, image in enumerate(images):
        shutil.copy(image, tmp_path / f"{place}.jpg")
    (tmp_path / "1.txt").write_text("a cat\n")
    found = look(tmp_path)
    assert (found.dataset, found.captioned, found.labelled, len(found.items.items)) == ("custom", 1, 0, 3)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"--images .*photo: is no folder that is there"):
        look(tmp_path / "photo")


def test_columns_are_found_by_the_names_that_people_give_them(tmp_path: Path) -> None:
    image = next((ROOT / "examples/custom/images").iterdir()).read_bytes()
    rows = [{"img": {"bytes": image, "path": None}, "sentences": ["one", "two"], "label": "cat", "n": 1}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "data.parquet")
    found = look(tmp_path)
    assert (found.settings["image"], found.settings["caption"], found.settings["labels"]) == (
        "img",
        "sentences",
        "label",
    )
    assert found.items.items[0].captions == ("one", "two")


def test_a_table_without_pictures_is_told_with_its_columns(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"x": [1], "y": ["a"]}), tmp_path / "data.parquet")
    with pytest.raises(CrosshashError, match=r"none of its columns x, y is called image"):
        look(tmp_path)
