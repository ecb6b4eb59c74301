from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from crosshash.datasets.readers.image_folder import image_folder_files, read_image_folder
from crosshash.errors import CrosshashError
from tests.datasets.folders import plain_rows, write_csv, write_folder


def test_paths_classes_and_files(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", [("im/b.jpg", "x", "zebra;ant"), ("im/a.jpg", "y", "bee")])
    source = read_image_folder(folder)
    assert source.images == (folder / "im/b.jpg", folder / "im/a.jpg")
    assert source.classes == ("ant", "bee", "zebra")
    assert image_folder_files(folder) == ["pairs.csv", "im/b.jpg", "im/a.jpg"]


def test_classes_can_be_given_in_an_order(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, plain_rows(2))
    assert read_image_folder(folder, ("dog", "cat")).classes == ("dog", "cat")


def test_an_image_that_is_not_there_is_no_raw_file(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, plain_rows(3))
    (folder / "1.jpg").unlink()
    assert image_folder_files(folder) == ["pairs.csv", "0.jpg", "2.jpg"]


def test_paths_that_leave_the_folder_are_all_refused(tmp_path: Path) -> None:
    outside = write_folder(tmp_path / "outside", [("x.jpg", "", "")])
    folder = write_folder(tmp_path / "set", [("in.jpg", "", "")])
    (folder / "link.jpg").symlink_to(outside / "x.jpg")
    (folder / "linked").symlink_to(outside)
    (folder / "inner.jpg").symlink_to(folder / "in.jpg")
    names = ["in.jpg", str(outside / "x.jpg"), "../outside/x.jpg", "link.jpg", "linked/x.jpg", "inner.jpg"]
    write_csv(folder / "pairs.csv", [(name, "text", "label") for name in names])
    with pytest.raises(CrosshashError) as error:
        read_image_folder(folder)
    message = str(error.value)
    assert "4 image(s) outside of the folder" in message
    for row, name in enumerate(names[1:5], start=3):
        assert f"row {row}: {name}" in message
    assert "instead of links" in message


def test_a_link_to_the_whole_folder_is_fine(tmp_path: Path) -> None:
    write_folder(tmp_path / "set", plain_rows(2))
    (tmp_path / "link").symlink_to(tmp_path / "set")
    assert len(read_image_folder(tmp_path / "link").items) == 2


def test_files_are_found_in_the_spelling_of_the_disk(tmp_path: Path) -> None:
    """The table says `é` as one character, the disk keeps two, as archives from macOS do."""
    decomposed = unicodedata.normalize("NFD", "été/é.jpg")
    folder = write_folder(tmp_path / "set", [(decomposed, "a", "x")])
    write_csv(folder / "pairs.csv", [("été/é.jpg", "a", "x")])
    source = read_image_folder(folder)
    assert [item.id for item in source.items] == ["été/é.jpg"]
    assert source.images == (folder / decomposed,)
    assert image_folder_files(folder) == ["pairs.csv", decomposed]


def test_a_link_that_leads_out_is_seen_in_any_spelling(tmp_path: Path) -> None:
    outside = write_folder(tmp_path / "outside", [("x.jpg", "", "")])
    folder = write_folder(tmp_path / "set", [("in.jpg", "", "")])
    (folder / unicodedata.normalize("NFD", "é.jpg")).symlink_to(outside / "x.jpg")
    write_csv(folder / "pairs.csv", [("é.jpg", "text", "label")])
    with pytest.raises(CrosshashError, match=r"1 image\(s\) outside of the folder"):
        read_image_folder(folder)


def test_names_with_backslashes(tmp_path: Path) -> None:
    """As spreadsheets and scripts on Windows write them."""
    folder = write_folder(tmp_path, [("photos/1.jpg", "", "")])
    write_csv(folder / "pairs.csv", [("photos\\1.jpg", "a", "x"), ("photos/1.jpg", "b", "y")])
    assert read_image_folder(folder).images == (folder / "photos/1.jpg",)
    write_csv(folder / "pairs.csv", [("C:\\photos\\1.jpg", "a", "x")])
    with pytest.raises(CrosshashError, match=r"outside of the folder:\n  - row 2: C:/photos/1.jpg"):
        read_image_folder(folder)
