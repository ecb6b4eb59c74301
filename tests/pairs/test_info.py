from __future__ import annotations

from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.pairs.info import DatasetInfo, read_info, write_info

INFO = DatasetInfo(
    dataset="features",
    image_kind="vector",
    text_kind="caption",
    image_dim=8,
    text_dim=None,
    classes=("b", "a"),
    counts={"query": 1, "train": 2, "val": 0, "rest": 3, "unlabelled": 2, "captionless": 1},
    chance=0.25,
    mean_labels=1.5,
)


def test_round_trip(tmp_path: Path) -> None:
    write_info(tmp_path, INFO)
    assert read_info(tmp_path) == INFO


def test_another_version(tmp_path: Path) -> None:
    (tmp_path / "info.json").write_text('{"classes": [], "colour": 1}')
    with pytest.raises(CrosshashError, match=r"info\.json: does not fit this version"):
        read_info(tmp_path)
