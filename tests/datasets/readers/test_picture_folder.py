"""Folders of pictures without pairs.csv: texts beside them, class folders, pictures alone, links."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from crosshash.datasets import custom
from crosshash.errors import CrosshashError
from crosshash.pairs.source import RawItem, RawItems
from crosshash.shards.tar_files import read_items
from tests.datasets.folders import encoded, write_csv
from tests.datasets.stage_chain import prepare


def write(place: Path, *names: str, **texts: str) -> Path:
    """Write pictures, and texts by the names of their files without .txt."""
    for number, name in enumerate(names):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(number, "PNG" if path.suffix.lower() == ".png" else "JPEG"))
    for name, text in texts.items():
        (place / f"{name}.txt").write_text(text, encoding="utf-8")
    return place


def read(place: Path, layout: custom.Layout = "auto", follow_links: bool = False) -> RawItems:
    return custom.read(Path("raw"), str(place), layout, follow_links)


def files(place: Path, layout: custom.Layout = "auto", follow_links: bool = False) -> list[str]:
    return [file.name for file in custom.fetch(Path("raw"), str(place), layout, follow_links)]


def test_texts_beside_pictures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A caption per line; a picture without; one text for two pictures of a name; a text without picture."""
    caplog.set_level(logging.INFO)
    write(tmp_path, "b.JPG", "a.jpg", "sub/c.png", "a.png", a="\ufeffone\n\n two \none\n", left="alone")
    (tmp_path / "sub/c.txt").write_text("  \n")
    (tmp_path / "movie.mov").touch()
    (tmp_path / ".thumbs").mkdir()
    write(tmp_path / ".thumbs", "x.jpg")
    source = read(tmp_path)
    assert source.items == (
        RawItem("a.jpg", ("one", "two")),
        RawItem("a.png", ("one", "two")),
        RawItem("b.JPG"),
        RawItem("sub/c.png"),
    )
    assert source.images == tuple(tmp_path / name for name in ("a.jpg", "a.png", "b.JPG", "sub/c.png"))
    assert source.warnings == (
        "1 .txt files have no picture of their name, the first left.txt",
        "files that are not read, by ending: .mov (1)",
    )
    assert "there is no pairs.csv; read as custom.layout: texts" in caplog.text
    assert files(tmp_path) == ["a.jpg", "a.png", "a.txt", "b.JPG", "sub/c.png", "sub/c.txt"]


def test_a_folder_per_class(tmp_path: Path) -> None:
    """At any depth below; the name of the folder is the caption of a picture without a text of its own."""
    write(tmp_path, "fire_hydrant/1.jpg", "cat/old/2.jpg", "cat/3.jpg")
    source = read(tmp_path)
    assert source.classes == ("cat", "fire_hydrant")
    assert [(item.id, item.captions, item.labels) for item in source.items] == [
        ("cat/3.jpg", ("cat",), ("cat",)),
        ("cat/old/2.jpg", ("cat",), ("cat",)),
        ("fire_hydrant/1.jpg", ("fire hydrant",), ("fire_hydrant",)),
    ]
    assert source.warnings == (
        "3 pictures have no text beside them: the name of their folder is their caption",
    )
    (tmp_path / "cat/3.txt").write_text("a cat on a mat")
    assert read(tmp_path, "classes").items[0].captions == ("a cat on a mat",)
    assert read(tmp_path, "classes").classes == ("cat", "fire_hydrant")
    assert read(tmp_path).classes == ()  # a text beside a picture: texts, unless it is said


@pytest.mark.parametrize("names", [("1.jpg", "cat/2.jpg"), ("cat/1.jpg", "cat/2.jpg"), ("1.jpg", "2.jpg")])
def test_pictures_alone(tmp_path: Path, names: tuple[str, ...]) -> None:
    source = read(write(tmp_path, *names))
    assert [(item.captions, item.labels) for item in source.items] == [((), ())] * 2
    assert source.classes == ()


def test_endings_of_texts_in_capitals(tmp_path: Path) -> None:
    place = write(tmp_path / "photos", "a.JPG")
    (place / "a.TXT").write_text("one\n")
    assert [item.captions for item in read(place).items] == [("one",)]
    assert files(place) == ["a.JPG", "a.TXT"]


def test_texts_are_left_where_pictures_alone_are_wanted(tmp_path: Path) -> None:
    write(tmp_path, "cat/1.jpg")
    (tmp_path / "cat/1.txt").write_text("a cat")
    assert read(tmp_path, "pictures").items == (RawItem("cat/1.jpg"),)
    assert files(tmp_path, "pictures") == ["cat/1.jpg"]


def test_pairs_csv_comes_first(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "1.txt").write_text("beside")
    write_csv(tmp_path / "pairs.csv", [("1.jpg", "in the table", "x")])
    assert read(tmp_path).items[0].captions == ("in the table",)
    assert read(tmp_path, "texts").items[0].captions == ("beside",)
    (tmp_path / "pairs.csv").unlink()
    with pytest.raises(CrosshashError, match=r"pairs\.csv: not found\. Write it"):
        read(tmp_path, "pairs")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("1.jpg", "cat/2.jpg"), r"1 picture\(s\) lie in no folder, .*\n  - 1\.jpg\nPut them into folders"),
        (("train/cat/1.jpg", "Test/dog/2.jpg"), r"its folders, Test, train, are parts of a split"),
    ],
)
def test_folders_that_are_no_classes(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(CrosshashError, match=message):
        read(write(tmp_path, *names), "classes")


def test_texts_that_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    (tmp_path / "1.txt").write_bytes(b"fine\ncaf\xe9")
    with pytest.raises(CrosshashError, match=r"1\.txt: line 2, byte 4 \(0xe9\) is not UTF-8"):
        read(tmp_path)


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A folder with a picture, a link to one beside the folder, and a link to a folder there."""
    write(tmp_path / "elsewhere", "far.jpg", "more/deep.jpg")
    place = write(tmp_path / "set", "own.jpg", own="a text")
    (place / "far.jpg").symlink_to(tmp_path / "elsewhere/far.jpg")
    (place / "more").symlink_to(tmp_path / "elsewhere/more", target_is_directory=True)
    return place


def test_links_are_refused_unless_they_are_followed(linked: Path) -> None:
    with pytest.raises(
        CrosshashError, match=r"1 picture\(s\) are links .*\n  - far\.jpg\nSet custom\.follow_li"
    ):
        read(linked)
    source = read(linked, follow_links=True)
    assert [item.id for item in source.items] == ["far.jpg", "own.jpg"]
    assert source.warnings == (
        "1 folders are links and not entered, the first more: what changes in there would go unnoticed",
    )
    assert files(linked, follow_links=True) == ["far.jpg", "own.jpg", "own.txt"]


def test_links_in_pairs_csv(linked: Path) -> None:
    write_csv(linked / "pairs.csv", [("far.jpg", "a", ""), ("own.jpg", "b", "")])
    with pytest.raises(
        CrosshashError, match=r"1 image\(s\) outside of the folder:\n.*far\.jpg\n.*follow_links: t"
    ):
        read(linked)
    images = read(linked, follow_links=True).images
    assert isinstance(images, tuple)
    assert [path.read_bytes() for path in images] == [encoded(0), encoded(0)]
    assert files(linked, follow_links=True) == ["far.jpg", "own.jpg", "pairs.csv"]


@pytest.mark.parametrize("name", ["../elsewhere/far.jpg", "/elsewhere/far.jpg", "more/deep.jpg"])
def test_names_that_lead_out_are_refused_with_links_too(linked: Path, name: str) -> None:
    write_csv(linked / "pairs.csv", [(name, "a", "")])
    with pytest.raises(CrosshashError, match=r"1 image\(s\) outside of the folder"):
        read(linked, follow_links=True)


def test_a_link_to_nothing_is_a_missing_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert lists it, or leaves it out; what links lead to is copied into the shards."""
    place = write(tmp_path / "set", *(f"{number}.jpg" for number in range(4)))
    for number in range(5):
        (place / f"{number}.txt").write_text(f"text {number}")
    os.replace(place / "3.jpg", tmp_path / "3.jpg")
    (place / "3.jpg").symlink_to(tmp_path / "3.jpg")
    (place / "4.jpg").symlink_to(tmp_path / "gone.jpg")
    settings = (
        f"custom.path={place}",
        "custom.follow_links=true",
        "split.query=1",
        "convert.bad_images=skip",
    )
    data = prepare(tmp_path / "project", monkeypatch, "custom", *settings)
    items = {item.id: item for part in ("query", "train", "val", "rest") for item in read_items(data, part)}
    assert sorted(items) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert items["3.jpg"].image == encoded(3)
    assert items["3.jpg"].captions == ("text 3",)
