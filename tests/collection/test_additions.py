from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

import pytest

from crosshash.collection.additions import Addition, caption_id, read_additions
from crosshash.errors import CrosshashError
from tests.datasets.folders import picture, write_csv


def test_rows_with_and_without_image(tmp_path: Path) -> None:
    """A caption alone is named by the start of its sha256; equal ones are one item."""
    write_csv(
        tmp_path / "pairs.csv",
        [
            ("a/1.jpg", "one", "x;y"),
            ("", "alone", "z"),
            ("a/1.jpg", "two", ""),
            ("", "alone", "w"),
            ("b.png", "", ""),
        ],
    )
    name = f"caption:{hashlib.sha256(b'alone').hexdigest()[:16]}"
    assert caption_id("alone") == name
    assert read_additions(tmp_path) == [
        Addition("a/1.jpg", tmp_path / "a/1.jpg", ("one", "two"), ("x", "y")),
        Addition(name, None, ("alone",), ("z", "w")),
        Addition("b.png", tmp_path / "b.png", (), ()),
    ]


def test_the_column_of_labels_may_be_absent(tmp_path: Path) -> None:
    write_csv(tmp_path / "pairs.csv", [("a.jpg", "one")], ("image", "caption"))
    assert read_additions(tmp_path) == [Addition("a.jpg", tmp_path / "a.jpg", ("one",), ())]
    write_csv(tmp_path / "pairs.csv", [("a.jpg", "one")], ("image", "labels"))
    with pytest.raises(CrosshashError, match=r"missing column\(s\) caption; found: image, labels"):
        read_additions(tmp_path)


def test_without_a_table_the_pictures_of_all_folders_are_listed(tmp_path: Path) -> None:
    for name in ("b.JPG", "a/z.png", "a/.hidden.jpg", ".cache/x.jpg", "notes.txt", "c.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    found = read_additions(tmp_path)
    assert [item.id for item in found] == ["a/z.png", "b.JPG", "c.webp"]
    assert all(item.picture == tmp_path / item.id and not item.captions for item in found)


def test_texts_beside_pictures_are_their_captions(tmp_path: Path) -> None:
    """As init reads them: a line each, whatever the case of the ending."""
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "in/b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a.txt").write_text("one\n\ntwo\none\n")
    (tmp_path / "in/b.TXT").write_text("three\n")
    assert {item.id: item.captions for item in read_additions(tmp_path)} == {
        "a.jpg": ("one", "two"), "c.jpg": (), "in/b.jpg": ("three",),
    }  # fmt: skip


def test_what_holds_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"holds neither pairs\.csv nor a picture"):
        read_additions(tmp_path)
    with pytest.raises(CrosshashError, match="none: is no folder"):
        read_additions(tmp_path / "none")
    write_csv(tmp_path / "pairs.csv", [("", "", "x"), ("a\0.jpg", "text", "")])
    with pytest.raises(CrosshashError, match=r"(?s)2 row\(s\).*row 2: the image cell.*row 3: the image cell"):
        read_additions(tmp_path)


@pytest.mark.parametrize("name", ["../out.jpg", "/etc/passwd", "link/x.jpg"])
def test_nothing_outside_of_the_folder_is_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    picture(0).save(tmp_path / "out.jpg")
    (folder / "link").symlink_to(tmp_path)
    write_csv(folder / "pairs.csv", [(name, "text", "")])
    with pytest.raises(CrosshashError, match=r"1 image\(s\) outside of the folder"):
        read_additions(folder)


def test_content_is_the_same_only_if_all_of_it_is() -> None:
    item = Addition("a", None, ("one", "two"), ("x",))
    others = [
        (Addition("a", None, ("one",), ("two", "x")), b"1"),
        (Addition("a", None, ("onetwo",), ("x",)), b"1"),
        (Addition("a", None, ("one", "two"), ("y",)), b"1"),
        (item, b"2"),
        (item, b"1"),
    ]
    assert len({addition.digest(data) for addition, data in others}) == 5
    assert Addition("b", Path("x"), ("one", "two"), ("x",)).digest(b"1") == item.digest(b"1")


def test_pictures_are_named_in_one_spelling_and_read_in_that_of_the_disk(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "é.jpg")
    (tmp_path / decomposed).write_bytes(b"")
    assert read_additions(tmp_path) == [Addition("é.jpg", tmp_path / decomposed, (), ())]
    write_csv(tmp_path / "pairs.csv", [("é.jpg", "one", "x"), ("", "alone", "")])
    found = read_additions(tmp_path)
    assert (found[0].id, found[0].picture) == ("é.jpg", tmp_path / decomposed)
    assert found[1].picture is None
    (tmp_path / "pairs.csv").unlink()
    (tmp_path / "é.jpg").write_bytes(b"")
    with pytest.raises(CrosshashError, match="two names that look the same"):
        read_additions(tmp_path)


def test_pictures_of_phones_are_taken_and_those_of_other_kinds_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("IMG_1.HEIC", "b.jpg", "raw.cr2", "c.avif", "notes.txt", ".hidden.avif", "film.mp4"):
        (tmp_path / name).write_bytes(b"")
    assert [item.id for item in read_additions(tmp_path)] == ["IMG_1.HEIC", "b.jpg"]
    assert caplog.messages == ["warning: passed over, since such pictures are not read: c.avif, raw.cr2"]
