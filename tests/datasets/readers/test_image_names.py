"""The names that published code reads from index.mat lead to the images of each published data set."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import scipy.io

from crosshash.config.plans.base import read_plan
from crosshash.config.plans.convert import ConvertPlan
from crosshash.pairs.source import Dataset, raw_folder
from tests.datasets.layouts import (
    coco_fixture,
    iaprtc12_fixture,
    mirflickr_fixture,
    nuswide_fixture,
    wikipedia_fixture,
)
from tests.datasets.stage_chain import prepare
from tests.pairs.pair_rows import read_pairs


@pytest.mark.parametrize(
    ("dataset", "write", "first"),
    [
        ("mirflickr25k", mirflickr_fixture.write_original, "mirflickr/im1.jpg"),
        ("nuswide10", nuswide_fixture.write_original, "Flickr/"),
        ("iaprtc12", iaprtc12_fixture.write_copy, "iaprtc12/images/"),
        ("coco2017", coco_fixture.write_coco, "train2017/"),
        ("wikipedia", wikipedia_fixture.write_wikipedia, "wikipedia_dataset/images/"),
    ],
)
def test_every_name_is_a_file_below_the_raw_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dataset: str,
    write: Callable[[Path], Path],
    first: str,
) -> None:
    local = write(tmp_path / "local")
    sizes = ("split.query=4", "split.train=30", "split.missing_class=warn")
    data = prepare(tmp_path / "run", monkeypatch, dataset, f"download.local={local}", *sizes)
    module = cast(Dataset, importlib.import_module(f"crosshash.datasets.{dataset}"))
    place = module.folder(raw_folder(), **read_plan("convert", ConvertPlan).settings)
    names = [str(name).rstrip() for name in scipy.io.loadmat(data / "index.mat")["index"]]
    assert names == [pair.image for pair in read_pairs(data)]
    assert names[0].startswith(first)
    assert [name for name in names if not os.path.isfile(place / name)] == []
