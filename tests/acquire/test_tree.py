from __future__ import annotations

import os
from pathlib import Path

import pytest

from crosshash.acquire.tree import files_below, first_there, join, joined_name
from crosshash.errors import CrosshashError


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_the_first_that_is_there(tmp_path: Path) -> None:
    write(tmp_path, "b/1.jpg", "c/2.jpg", "d.txt")
    (tmp_path / "empty").mkdir()
    assert first_there(tmp_path, ("a/", "empty/", "b/", "c/")) == "b/"
    assert first_there(tmp_path, ("d.txt/", "d.txt/x", "b", "d.txt")) == "d.txt"
    assert first_there(tmp_path, ("empty/", "empty")) is None
    assert first_there(tmp_path / "nowhere", ("b/",)) is None


def test_all_files_below(tmp_path: Path) -> None:
    write(tmp_path, "b/z/1.jpg", "b/a.jpg", "d.txt", "other.txt")
    os.mkfifo(tmp_path / "b/pipe")
    assert files_below(tmp_path, ["d.txt", "b/", "b/z/"]) == ["b/a.jpg", "b/z/1.jpg", "d.txt"]


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    write(tmp_path, "disk/1.jpg", "set/list.txt")
    (tmp_path / "set/images").symlink_to(tmp_path / "disk")
    (tmp_path / "set/again").symlink_to("images")
    names = ["again/1.jpg", "images/1.jpg"]
    assert files_below(tmp_path / "set", ["images/", "again/"]) == names


@pytest.mark.parametrize("target", [".", "..", "../../set"])
def test_a_folder_linked_into_itself(tmp_path: Path, target: str) -> None:
    write(tmp_path, "set/images/1.jpg")
    (tmp_path / "set/images/loop").symlink_to(target)
    with pytest.raises(CrosshashError, match="a link to a folder that it lies in"):
        files_below(tmp_path / "set", ["images/"])


def test_a_link_to_itself(tmp_path: Path) -> None:
    write(tmp_path, "images/1.jpg")
    (tmp_path / "images/loop").symlink_to("loop")
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(CrosshashError, match="images/loop: a link that leads to itself"):
        files_below(tmp_path, ["images/"])
    for path in ("round", "round/", "round/1.jpg"):
        with pytest.raises(CrosshashError, match=r"round.*: a link that leads to itself"):
            first_there(tmp_path, (path,))


def test_a_link_to_nothing(tmp_path: Path) -> None:
    write(tmp_path, "images/1.jpg")
    (tmp_path / "images/2.jpg").symlink_to("/nowhere/2.jpg")
    with pytest.raises(CrosshashError, match=r"2\.jpg: a link to what is not there \(/nowhere/2\.jpg\)"):
        files_below(tmp_path, ["images/"])


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    write(tmp_path, "images/1.jpg")
    (tmp_path / "images" / os.fsdecode(b"caf\xe9.jpg")).write_text("")
    with pytest.raises(CrosshashError, match=r"is not UTF-8\. Rename the file"):
        files_below(tmp_path, ["images/"])


def test_folders_are_joined(tmp_path: Path) -> None:
    write(tmp_path, "a/images/1.jpg", "a/images/list.txt", "b/labels/cat.txt")
    targets = {"images/": tmp_path / "a/images", "deep/labels/": tmp_path / "b/labels"}
    targets["images/list.txt"] = tmp_path / "a/images/list.txt"
    for _ in range(2):
        join(tmp_path / "joined", targets)
        names = ["deep/labels/cat.txt", "images/1.jpg", "images/list.txt"]
        assert files_below(tmp_path / "joined", ["images/", "deep/"]) == names
    join(tmp_path / "joined", {"images/": tmp_path / "b/labels"})
    assert files_below(tmp_path / "joined", ["images/"]) == ["images/cat.txt"]


def test_the_name_tells_the_targets_apart(tmp_path: Path) -> None:
    one = joined_name({"a/": tmp_path / "x", "b": tmp_path / "y"})
    assert one == joined_name({"b": tmp_path / "y", "a/": tmp_path / "x"})
    others = [{"a/": tmp_path / "x"}, {"a/": tmp_path / "y", "b": tmp_path / "x"}]
    assert len({one, *map(joined_name, others)}) == 3


def test_nothing_is_written_into_what_a_link_leads_to(tmp_path: Path) -> None:
    write(tmp_path, "mine/1.jpg", "b/list.txt")
    with pytest.raises(CrosshashError, match=r"mine: 'images/list\.txt' belongs into it"):
        join(
            tmp_path / "joined",
            {"images/": tmp_path / "mine", "images/list.txt": tmp_path / "b/list.txt"},
        )
    assert files_below(tmp_path / "mine", ["."]) == ["./1.jpg"]
