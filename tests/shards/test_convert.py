from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from crosshash.artifacts import read_json, read_npz
from crosshash.errors import CrosshashError
from crosshash.pairs.info import read_info
from crosshash.pairs.source import GivenSplit, PixelRows, RawItem, RawItems, SplitSizes
from crosshash.pairs.split import Split
from crosshash.shards.convert import choose_split, untrained_classes, write_tables
from tests.pairs.pair_rows import read_pairs

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


def drawn(source: RawItems, sizes: SplitSizes = SIZES, val: float = 0, seed: int = 0) -> Split:
    return choose_split(source, sizes, None, None, val, seed)


def test_items_without_label_or_text_are_only_searched() -> None:
    found = [*items(8), RawItem("unlabelled", ("text",)), RawItem("silent", (), ("odd",))]
    for seed in range(20):
        split = drawn(source_of(found), SplitSizes(0.25, 0.75), 0.2, seed)
        assert {"unlabelled", "silent"} == set(split.rest())


def test_without_any_label_every_item_with_a_text_may_be_chosen() -> None:
    found = [*(replace(item, labels=()) for item in items(6)), RawItem("silent")]
    split = drawn(source_of(found))
    assert split.rest() == ("silent",)


def test_text_vectors_stand_for_captions() -> None:
    found = [replace(item, captions=()) for item in items(6)]
    split = drawn(source_of(found, text=np.zeros((6, 2), dtype=np.float32)))
    assert split.rest() == ()


def test_without_any_text_every_item_with_a_label_may_be_chosen() -> None:
    """Pictures alone, which networks of one space relate to any text."""
    found = [*(replace(item, captions=()) for item in items(6)), RawItem("unlabelled")]
    assert drawn(source_of(found)).rest() == ("unlabelled",)


def test_other_labels_and_captions_of_queries_move_nobody() -> None:
    found = items(8)
    split = drawn(source_of(found))
    noise = [
        replace(item, captions=("noise",), labels=("odd",)) if item.id in split.query else item
        for item in found
    ]
    assert drawn(source_of(noise)) == split


def test_sizes_of_params_come_before_those_of_the_protocol() -> None:
    split = choose_split(source_of(items(20)), SIZES, 5, None, 0, 0)
    assert (len(split.query), len(split.train)) == (5, 4)
    split = choose_split(source_of(items(20)), SIZES, None, 0.5, 0, 0)
    assert (len(split.query), len(split.train)) == (2, 10)


OFFICIAL = GivenSplit(("7", "3"), ("0", "5", "2", "9", "4", "6", "8", "1"))


def test_the_publishers_split_is_taken_unless_sizes_are_asked_for() -> None:
    """Of 8 training items a quarter, 2, become validation queries; the others keep their order."""
    source = replace(source_of([*items(10), RawItem("x", ("t",), ("odd",))]), official=OFFICIAL)
    split = drawn(source, val=0.25)
    assert split.query == OFFICIAL.query
    assert len(split.val_query) == 2
    assert split.train == tuple(item for item in OFFICIAL.train if item not in split.val_query)
    assert split.rest() == ("x",)
    assert len(choose_split(source, SIZES, 3, None, 0, 0).query) == 3
    assert len(choose_split(source, SIZES, None, 3, 0, 0).train) == 3


def test_the_publishers_validation_queries_are_taken_whatever_split_val_says() -> None:
    source = replace(source_of(items(6)), official=GivenSplit(("0",), ("3", "1"), ("5", "2", "gone")))
    split = drawn(source, val=0.5)
    assert (split.query, split.train, split.val_query) == (("0",), ("3", "1"), ("5", "2"))
    assert split.rest() == ("4",)
    none = drawn(replace(source, official=GivenSplit(("0",), ("3", "1"), ())), val=0.5)
    assert (none.train, none.val_query) == (("3", "1"), ())


def test_official_items_that_are_gone_or_cannot_be_chosen_are_left_out() -> None:
    """Item 3 is not there, 5 has no text, 9 no label: 5 and 9 are searched like all others."""
    found = [item for item in items(10) if item.id != "3"]
    found[4] = replace(found[4], captions=())
    found[8] = replace(found[8], labels=())
    split = drawn(replace(source_of(found), official=OFFICIAL))
    assert (split.query, split.train) == (("7",), ("0", "2", "4", "6", "8", "1"))
    assert set(split.rest()) == {"5", "9"}


def test_an_official_split_of_which_nothing_is_there() -> None:
    source = replace(source_of(items(3)), official=GivenSplit(("7",), ("0", "1")))
    with pytest.raises(
        CrosshashError, match=r"0 queries and 2 training items .*split\.query and split\.train"
    ):
        drawn(source)


def test_a_file_comes_before_the_publishers_split(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"query": [4, 2], "train": ["1", "7", "5"]}')
    source = replace(source_of(items(8)), official=GivenSplit(("0",), ("1",)))
    split = choose_split(source, SIZES, None, None, 0, 0, str(path))
    assert (split.query, split.train, split.val_query) == (("4", "2"), ("1", "7", "5"), ())
    assert set(split.rest()) == {"0", "3", "6"}
    assert len(choose_split(source, SIZES, None, None, 0.34, 0, str(path)).val_query) == 1
    fewer = source_of([item for item in items(8) if item.id not in "27"])
    with pytest.raises(CrosshashError, match=r"query\[1\]: '2' is no item"):
        choose_split(fewer, SIZES, None, None, 0, 0, str(path))
    split = choose_split(fewer, SIZES, None, None, 0, 0, str(path), left_out={"2", "7"})
    assert (split.query, split.train) == (("4",), ("1", "5"))


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
    info = write_tables(tmp_path, "features", source_of(found), split, vocabulary=3, raw=tmp_path)

    assert [(pair.id, pair.part) for pair in read_pairs(tmp_path)] == [
        ("a", "train"),
        ("b", "query"),
        ("c", "val"),
        ("d", "train"),
        ("e", "query"),
        ("f", "rest"),
    ]
    assert read_json(tmp_path / "split.json")["train"] == ["d", "a"]
    train = read_npz(tmp_path / "train_labels.npz")
    assert train["classes"].tolist() == ["x", "y"]
    assert train["labels"].dtype == np.uint8
    assert train["labels"].tolist() == [[0, 1], [1, 1]]
    # red 3, fish 2, then a and blue with 1 each
    assert read_json(tmp_path / "vocabulary.json") == {"words": ["red", "fish", "a"]}
    assert read_info(tmp_path) == info
    assert info.counts == {"query": 2, "train": 2, "val": 1, "rest": 1, "unlabelled": 1, "captionless": 1}
    assert (info.image_kind, info.text_kind, info.image_dim, info.text_dim) == ("vector", "caption", 3, None)
    assert info.mean_labels == pytest.approx(6 / 5)
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
    info = write_tables(tmp_path, "features", source, drawn(source), vocabulary=3, raw=tmp_path)
    assert read_npz(tmp_path / "train_labels.npz")["labels"].shape == (4, 0)
    assert (info.chance, info.mean_labels) == (None, None)
    assert info.counts["unlabelled"] == 6


def test_published_words_become_the_vocabulary_as_they_are(tmp_path: Path) -> None:
    source = replace(source_of(items(6)), vocabulary=("zoo", "nikon-d80", "são", "text"))
    write_tables(tmp_path, "set", source, drawn(source), vocabulary=2, raw=tmp_path)
    assert read_json(tmp_path / "vocabulary.json") == {"words": ["zoo", "nikon-d80", "são", "text"]}


@pytest.mark.parametrize(
    ("images", "kind", "dim"),
    [
        (None, "none", None),
        (PixelRows(Path("none.mat"), "IAll", 6), "jpeg", None),
        (np.zeros((6, 5), np.float16), "vector", 5),
    ],
)
def test_kinds_of_images(tmp_path: Path, images: None, kind: str, dim: int | None) -> None:
    """Tables name an item's image by its id where it is no file."""
    source = replace(source_of(items(6), text=np.zeros((6, 2), np.int16)), images=images)
    info = write_tables(tmp_path, "set", source, drawn(source), vocabulary=2, raw=tmp_path)
    assert (info.image_kind, info.image_dim, info.text_kind, info.text_dim) == (kind, dim, "vector", 2)
    assert [pair.image for pair in read_pairs(tmp_path)] == list("012345")
    assert scipy.io.loadmat(tmp_path / "index.mat")["index"].tolist() == list("012345")


def test_pictures_are_named_by_their_paths_below_the_raw_files(tmp_path: Path) -> None:
    """The ids stay as they are; a path need not be like an id, and two items may show one picture."""
    raw = tmp_path / "raw"
    paths = tuple(raw / f"images/{'odd' if n % 2 else 'ev en'}/{n // 2:04d}.jpg" for n in range(6))
    source = replace(source_of(items(6)), images=(*paths[:5], paths[0]))
    info = write_tables(tmp_path, "set", source, drawn(source), vocabulary=2, raw=raw)
    names = [
        "images/ev en/0000.jpg",
        "images/odd/0000.jpg",
        "images/ev en/0001.jpg",
        "images/odd/0001.jpg",
        "images/ev en/0002.jpg",
        "images/ev en/0000.jpg",
    ]
    assert info.image_kind == "jpeg"
    assert [(pair.id, pair.image) for pair in read_pairs(tmp_path)] == list(zip("012345", names, strict=True))
    found = scipy.io.loadmat(tmp_path / "index.mat")["index"]
    assert [name.strip() for name in found] == names


def test_a_set_too_large_for_matlab_goes_without_the_triple(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The six cells of `text <n>` take 6 * (48 + 16) bytes, the other variables less."""
    for limit, written in ((6 * 64, True), (6 * 64 - 1, False)):
        monkeypatch.setattr("crosshash.shards.mat_triple.LARGEST", limit)
        folder = tmp_path / str(limit)
        folder.mkdir()
        source = source_of(items(6))
        write_tables(folder, "set", source, drawn(source), vocabulary=2, raw=tmp_path)
        assert len(list(folder.glob("*.mat"))) == (3 if written else 0)
        assert ("no .mat triple is written" in caplog.text) != written
    assert "caption 384 bytes" in caplog.text


def test_captions_without_blanks_between_words_are_counted_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = items(8)
    found[1] = replace(found[1], captions=("a dog", "一只狗"))
    found[5] = replace(found[5], captions=("หมา",))
    source = source_of(found)
    with caplog.at_level("INFO"):
        write_tables(tmp_path, "own", source, drawn(source), 100, tmp_path)
    assert "2 of 9 captions are in a script without blanks between words" in caplog.text
    caplog.clear()
    source = source_of(items(8))
    with caplog.at_level("INFO"):
        write_tables(tmp_path, "own", source, drawn(source), 100, tmp_path)
    assert "blanks" not in caplog.text
