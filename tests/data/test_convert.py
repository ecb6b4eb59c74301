from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crosshash.artifacts import read_json, read_npz
from crosshash.data.convert import choose_split, untrained_classes, write_tables
from crosshash.data.info import read_info
from crosshash.data.pairs import read_pairs
from crosshash.data.source import RawItem, RawItems, SplitSizes
from crosshash.data.split import Split, read_split
from crosshash.errors import CrosshashError

SIZES = SplitSizes(query=2, train=4)


def source_of(items: list[RawItem], text: np.ndarray | None = None) -> RawItems:
    classes = sorted({label for item in items for label in item.labels})
    images = np.arange(3 * len(items), dtype=np.float32).reshape(-1, 3)
    return RawItems(tuple(items), tuple(classes), images, text)


def items(count: int) -> list[RawItem]:
    return [
        RawItem(str(number), (f"text {number}",), ("odd" if number % 2 else "even",))
        for number in range(count)
    ]


def test_items_without_label_or_text_are_only_searched() -> None:
    found = [*items(8), RawItem("unlabelled", ("text",)), RawItem("silent", (), ("odd",))]
    for seed in range(20):
        split = choose_split(source_of(found), SplitSizes(0.25, 0.75), 0.2, seed)
        assert {"unlabelled", "silent"} == set(split.rest())


def test_without_any_label_every_item_with_a_text_may_be_chosen() -> None:
    found = [*(replace(item, labels=()) for item in items(6)), RawItem("silent")]
    split = choose_split(source_of(found), SIZES, 0, seed=0)
    assert split.rest() == ("silent",)


def test_text_vectors_stand_for_captions() -> None:
    found = [replace(item, captions=()) for item in items(6)]
    split = choose_split(source_of(found, text=np.zeros((6, 2), dtype=np.float32)), SIZES, 0, seed=0)
    assert split.rest() == ()
    with pytest.raises(CrosshashError, match="0 of 6 items"):
        choose_split(source_of(found), SIZES, 0, seed=0)


def test_other_labels_and_captions_of_queries_move_nobody() -> None:
    found = items(8)
    split = choose_split(source_of(found), SIZES, 0, seed=0)
    noise = [
        replace(item, captions=("noise",), labels=("odd",)) if item.id in split.query else item
        for item in found
    ]
    assert choose_split(source_of(noise), SIZES, 0, seed=0) == split


def test_untrained_classes_are_counted_without_validation_queries() -> None:
    """`rare` is seen by a query and a validation query only, `none` by no item."""
    found = [
        RawItem("q", ("t",), ("common", "rare")),
        RawItem("v", ("t",), ("rare",)),
        RawItem("t", ("t",), ("common",)),
    ]
    source = replace(source_of(found), classes=("none", "common", "rare"))
    split = Split(query=("q",), train=("t",), val_query=("v",), retrieval=("v", "t"))
    assert untrained_classes(source, split) == ["none (0 items in all)", "rare (2 items in all)"]


def test_tables_by_hand(tmp_path: Path) -> None:
    """Six items: queries b and e, training d and a (in this order), validation c, and f without a label."""
    found = [
        RawItem("a", ("Red, red fish", "blue"), ("y", "x")),
        RawItem("b", ("query words",), ("x",)),
        RawItem("c", ("validation words",), ("x",)),
        RawItem("d", ("a red fish",), ("y",)),
        RawItem("e", (), ("y",)),
        RawItem("f", ("rest words",), ()),
    ]
    split = Split(query=("b", "e"), train=("d", "a"), val_query=("c",), retrieval=("f", "a", "c", "d"))
    info = write_tables(tmp_path, "features", source_of(found), split, vocabulary=3)

    assert [(pair.id, pair.part) for pair in read_pairs(tmp_path)] == [
        ("a", "train"),
        ("b", "query"),
        ("c", "val"),
        ("d", "train"),
        ("e", "query"),
        ("f", "rest"),
    ]
    assert read_split(tmp_path).train == ("d", "a")
    train = read_npz(tmp_path / "train_labels.npz")
    assert train["classes"].tolist() == ["x", "y"]
    assert train["labels"].dtype == np.uint8
    assert train["labels"].tolist() == [[0, 1], [1, 1]]
    # red 3, fish 2, then a and blue with 1 each
    assert read_json(tmp_path / "vocabulary.json") == ["red", "fish", "a"]
    assert read_info(tmp_path) == info
    assert info.counts == {"query": 2, "train": 2, "val": 1, "rest": 1, "unlabelled": 1, "captionless": 1}
    assert (info.image_kind, info.text_kind, info.image_dim, info.text_dim) == ("vector", "caption", 3, None)
    # of the ten pairs of {x,y} {x} {x} {y} {y}: a with all four, b-c, d-e
    assert info.chance == pytest.approx(6 / 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "caption.mat",
        "index.mat",
        "info.json",
        "label.mat",
        "pairs.parquet",
        "split.json",
        "train_labels.npz",
        "vocabulary.json",
    ]


def test_tables_of_a_set_without_labels(tmp_path: Path) -> None:
    source = source_of([replace(item, labels=()) for item in items(6)])
    info = write_tables(tmp_path, "features", source, choose_split(source, SIZES, 0, 0), vocabulary=3)
    assert read_npz(tmp_path / "train_labels.npz")["labels"].shape == (4, 0)
    assert info.chance is None
    assert info.counts["unlabelled"] == 6
