from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pytest
import scipy.io

from crosshash.artifacts import read_json
from crosshash.datasets import wikipedia
from crosshash.errors import CrosshashError
from crosshash.pairs.info import read_info
from crosshash.pairs.labels import sharing_chance
from crosshash.pairs.source import RawItems
from tests.acquire.file_server import FileServer
from tests.datasets.layouts.wikipedia_fixture import (
    COUNTS,
    GREY,
    LATIN_1,
    SHARED,
    UNSOUND,
    pack_wikipedia,
    sections,
    write_wikipedia,
)
from tests.datasets.stage_chain import prepare, train_and_score
from tests.stages.stage_runs import files_of

Kind = Literal["images", "features"]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wikipedia(tmp_path_factory.mktemp("wikipedia") / "local")


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    """A layout of one's own, to be spoilt."""
    return shutil.copytree(original, tmp_path / "local") / "wikipedia_dataset"


def read(place: Path, source: Kind = "images") -> RawItems:
    return wikipedia.read(place.parent / "raw", local=str(place), source=source)


def refusal(place: Path, source: Kind = "images") -> str:
    before = files_of(place)
    with pytest.raises(CrosshashError) as error:
        read(place, source)
    assert files_of(place) == before
    assert not (place.parent / "raw").exists()
    return str(error.value)


def test_pairs_classes_mean_labels_and_chance_are_those_counted_by_hand(original: Path) -> None:
    """From COUNTS of the fixture: art 8 + 2 = 10 sections, royalty 4 + 2 = 6, the other eight classes 8 each;
    60 + 20 = 80 sections of one class each. Pairs of a class: 10 * 9 / 2 = 45 of art, 15 of royalty, 28 of
    each other: 45 + 15 + 8 * 28 = 284 of 80 * 79 / 2 = 3,160.
    """
    source = read(original)
    assert len(source.items) == 80
    assert source.classes == tuple(COUNTS)
    assert sum(len(item.labels) for item in source.items) / 80 == 1
    chance = sharing_chance([item.labels for item in source.items], source.classes)
    assert chance == pytest.approx(284 / 3160, abs=1e-12)
    counts = Counter(label for item in source.items for label in item.labels)
    assert counts == {**dict.fromkeys(COUNTS, 8), "art": 10, "royalty": 6}
    assert source.warnings == ()


def test_the_split_is_that_of_the_lists(original: Path) -> None:
    for kind in ("images", "features"):
        source = read(original, kind)
        assert source.official is not None
        query, train = source.official.query, source.official.train
        assert query == tuple(section.text for section in sections(1))
        assert train == tuple(section.text for section in sections(0))
        assert tuple(item.id for item in source.items) == train + query


def test_items_have_the_image_and_the_text_that_their_line_names(original: Path) -> None:
    source = read(original)
    assert isinstance(source.images, tuple)
    for item, path, section in zip(source.items, source.images, sections(0) + sections(1), strict=True):
        assert path == original / "wikipedia_dataset" / "images" / section.category / f"{section.image}.jpg"
        assert path.is_file()
        assert item.labels == (section.category,)
        about = f"A section on {section.category} & more, written in the café of {section.text}."
        assert [caption.removesuffix(" x < y & <br>") for caption in item.captions] == [about]


def test_oddities_are_read(original: Path) -> None:
    source = read(original)
    assert isinstance(source.images, tuple)
    assert source.images[SHARED] == source.images[len(COUNTS) + SHARED]
    assert source.items[SHARED].id != source.items[len(COUNTS) + SHARED].id
    assert "café" in source.items[LATIN_1].captions[0]
    assert source.items[UNSOUND].captions[0].endswith("x < y & <br>")
    assert source.items[len(COUNTS)].id.endswith("-2.5")


def test_vectors_are_in_the_order_of_the_lists(original: Path) -> None:
    """The fixture's vectors are largest at the class of their section."""
    source = read(original, "features")
    assert isinstance(source.images, np.ndarray)
    assert source.text is not None
    assert (source.images.shape, source.text.shape) == ((80, 128), (80, 10))
    assert source.images.dtype == source.text.dtype == np.float32
    expected = [section.category for section in sections(0) + sections(1)]
    assert [source.classes[column] for column in source.images.argmax(axis=1)] == expected
    assert [source.classes[column] for column in source.text.argmax(axis=1)] == expected
    assert [item.labels for item in source.items] == [(name,) for name in expected]


def test_vectors_need_neither_images_nor_texts(copy: Path) -> None:
    shutil.rmtree(copy / "images")
    shutil.rmtree(copy / "texts")
    assert len(read(copy, "features").items) == 80


TRAIN = "trainset_txt_img_cat.list"


def edit_first_line(copy: Path, name: str, edit: Callable[[list[str]], list[str]]) -> None:
    path = copy / name
    first, rest = path.read_text(encoding="utf-8").split("\n", 1)
    path.write_text("\t".join(edit(first.split("\t"))) + "\n" + rest, encoding="utf-8")


@pytest.mark.parametrize(
    ("edit", "finding"),
    [
        (lambda cells: cells[:2], "line 1: not two names and a number: '"),
        (lambda cells: [*cells, "1"], "line 1: not two names and a number: '"),
        (lambda cells: ["../x", *cells[1:]], "line 1: not two names and a number: '../x"),
        (lambda cells: [*cells[:2], "0"], "line 1: class 0 is none of 1 to 10"),
        (lambda cells: [*cells[:2], "11"], "line 1: class 11 is none of 1 to 10"),
        (lambda cells: [*cells[:2], "art"], "line 1: class art is none of 1 to 10"),
    ],
)
@pytest.mark.parametrize("source", ["images", "features"])
def test_lines_of_another_kind(
    copy: Path, edit: Callable[[list[str]], list[str]], finding: str, source: Kind
) -> None:
    edit_first_line(copy, TRAIN, edit)
    message = refusal(copy, source)
    assert message.startswith(f"{copy / TRAIN}: 1 problem(s):\n")
    assert finding in message


def test_an_empty_list_leaves_no_pair(copy: Path) -> None:
    (copy / TRAIN).write_text("\n \n")
    assert "no line at all, so that no pair is left" in refusal(copy)


def test_lists_name_a_text_that_is_not_there(copy: Path) -> None:
    edit_first_line(copy, TRAIN, lambda cells: ["lost", *cells[1:]])
    assert "texts: 1 text(s) that the lists name cannot be used:\n  - lost.xml: not there" in refusal(copy)


def test_a_text_named_twice(copy: Path) -> None:
    """In both lists it would be query and training item."""
    with (copy / TRAIN).open("a", encoding="utf-8") as file:
        section = sections(1)[0]
        file.write(f"{section.text}\t{section.image}\t{section.number}\n")
    message = refusal(copy)
    assert f"1 text(s) are named more than once:\n  - {section.text}" in message
    assert TRAIN in message
    assert "testset_txt_img_cat.list" in message


def test_texts_that_are_cut_or_in_another_encoding_are_listed_together(copy: Path) -> None:
    names = [f"{section.text}.xml" for section in sections(0)]
    whole = (copy / "texts" / names[0]).read_bytes()
    (copy / "texts" / names[0]).write_bytes(whole[: whole.index(b"more")])
    (copy / "texts" / names[1]).write_bytes(whole[:30])
    latin_1 = (copy / "texts" / names[2]).read_text(encoding="utf-8").encode("latin-1")
    (copy / "texts" / names[2]).write_bytes(latin_1)
    (copy / "texts" / names[5]).write_bytes(b"<text> \n </text>")
    (copy / "texts" / names[6]).write_bytes(whole.replace(b"UTF-8", b"KLINGON"))
    message = refusal(copy)
    assert "5 text(s) that the lists name cannot be used:" in message
    assert f"{names[0]}: cut: no </text>" in message
    assert f"{names[1]}: cut: no <text>" in message
    assert f"{names[2]}: byte {latin_1.index(0xE9) + 1} (0xe9) is not UTF-8" in message
    assert f"{names[5]}: the text is empty" in message
    assert f"{names[6]}: unknown encoding KLINGON" in message
    assert "Unpack texts/ again from wikipedia_dataset.zip." in message


def test_a_list_in_latin_1(copy: Path) -> None:
    (copy / TRAIN).write_bytes("café\tcafé\t1\n".encode("latin-1"))
    assert f"{copy / TRAIN}: line 1, byte 4 (0xe9) is not UTF-8" in refusal(copy)


@pytest.mark.parametrize(
    ("key", "array", "finding"),
    [
        ("I_tr", None, "I_tr: not there"),
        ("I_tr", np.ones((59, 128)), "I_tr: 59 rows, its list has 60 lines"),
        ("T_te", np.ones((60, 10)), "T_te: 60 rows, its list has 20 lines"),
        ("T_tr", np.full((60, 10), np.nan), "T_tr: NaN or infinite values"),
        ("T_tr", np.array(["text"] * 60), "no matrix of numbers"),
        ("I_te", np.ones((20, 127)), "I_tr and I_te differ in their columns"),
    ],
)
def test_vectors_that_do_not_fit_the_lists(
    copy: Path, key: str, array: np.ndarray | None, finding: str
) -> None:
    path = copy / "raw_features.mat"
    arrays = {name: value for name, value in scipy.io.loadmat(path).items() if name[0] != "_"}
    arrays = {**arrays, key: array} if array is not None else {k: v for k, v in arrays.items() if k != key}
    scipy.io.savemat(path, arrays)
    message = refusal(copy, "features")
    assert message.startswith(f"{path}: 1 problem(s):\n")
    assert finding in message


def test_other_variables_beside_the_vectors_are_not_read(copy: Path) -> None:
    """A struct is refused wherever it is read; what is not read is named."""
    path = copy / "raw_features.mat"
    arrays = {name: value for name, value in scipy.io.loadmat(path).items() if name[0] != "_"}
    scipy.io.savemat(path, {**arrays, "settings": {"words": 128}})
    source = read(copy, "features")
    assert len(source.items) == 80
    assert source.warnings == ("raw_features.mat: 'settings' (1 x 1 struct) is not read",)


def test_a_missing_image_is_told_by_convert_or_left_out(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first section of the test list: 19 of its 20 still ask."""
    section = sections(1)[0]
    gone = copy / "images" / section.category / f"{section.image}.jpg"
    gone.unlink()
    assert gone in list(cast(tuple[Path, ...], read(copy).images))
    local = f"download.local={copy}"
    with pytest.raises(CrosshashError, match=rf"1 picture.*\n.*{section.image}"):
        prepare(tmp_path / "run", monkeypatch, "wikipedia", local)
    data = prepare(tmp_path / "run", monkeypatch, "wikipedia", local, "convert.bad_images=skip")
    counts = read_info(data).counts
    assert (counts["query"], counts["train"] + counts["val"]) == (19, 60)


def test_grey_pictures_are_among_the_originals(original: Path) -> None:
    """The fixture would prove less without them: one component per pixel in the frame header."""
    section = sections(0)[GREY]
    path = original / "wikipedia_dataset" / "images" / section.category / f"{section.image}.jpg"
    data = path.read_bytes()
    assert data[data.index(b"\xff\xc0") + 9] == 1


@pytest.mark.parametrize("source", ["images", "features"])
def test_served_downloaded_converted_trained_and_scored(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Kind
) -> None:
    """The query list of 20 asks; of the 60 of the training list 5 in 100, so 3, choose the epoch."""
    served = pack_wikipedia(original, tmp_path / "served")
    with FileServer(served) as server:
        data = prepare(
            tmp_path / "project", monkeypatch, "wikipedia", f"wikipedia.source={source}",
            f"download.mirror={server.url}", "download.checksums=first",
        )  # fmt: skip
        assert server.count("wikipedia_dataset.zip") == 1
    info = read_info(data)
    assert info.counts == {"query": 20, "train": 57, "val": 3, "rest": 0, "unlabelled": 0, "captionless": 0}
    assert info.chance == pytest.approx(284 / 3160)
    assert set(read_json(data / "split.json")["query"]) == {section.text for section in sections(1)}
    kinds = ("jpeg", "caption") if source == "images" else ("vector", "vector")
    assert (info.image_kind, info.text_kind) == kinds
    scores = train_and_score(monkeypatch, "wikipedia")
    assert all(0 <= scores[task]["mAP"] <= 1 for task in ("i2t", "t2i"))
