from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.formats.image_names import leads_out, names_on_disk, relative_names


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_relative_names_stay(tmp_path: Path) -> None:
    """Backslashes, as in NUS-WIDE's list, and empty steps are mended; an empty name stays empty."""
    names = ["actor\\0001_1.jpg", "./a//b.jpg", "", "C:file.jpg"]
    assert relative_names(tmp_path, names) == (["actor/0001_1.jpg", "a/b.jpg", "", "C:file.jpg"], "")
    assert relative_names(tmp_path, []) == ([], "")


@pytest.mark.parametrize("root", ["/home/x/coco", "D:/x/coco", "D:\\x\\coco"])
def test_absolute_names_lose_the_folders_of_another_machine(tmp_path: Path, root: str) -> None:
    touch(tmp_path, "coco/train/1.jpg", "coco/val/2.jpg")
    found = relative_names(tmp_path, [f"{root}/train/1.jpg", f"{root}/val/2.jpg"])
    assert found == (["coco/train/1.jpg", "coco/val/2.jpg"], root.replace("\\", "/")[: -len("coco")])


def test_as_few_folders_as_needed_are_lost(tmp_path: Path) -> None:
    """/a/b/1.jpg is b/1.jpg below the folder, though 1.jpg is there too."""
    touch(tmp_path, "b/1.jpg", "b/2.jpg", "1.jpg", "2.jpg")
    assert relative_names(tmp_path, ["/a/b/1.jpg", "/a/b/2.jpg"]) == (["b/1.jpg", "b/2.jpg"], "/a/")


def test_absolute_names_of_this_machine(tmp_path: Path) -> None:
    touch(tmp_path, "x/1.jpg")
    assert relative_names(tmp_path, [str(tmp_path / "x/1.jpg")]) == (["x/1.jpg"], f"{tmp_path}/")


def test_where_most_images_are_counts(tmp_path: Path) -> None:
    """Missing images are judged later: x/0.jpg to x/99.jpg are fewer than the 200 beside the folder x."""
    names = [f"/home/x/{number}.jpg" for number in range(300)]
    touch(tmp_path, *(f"{number}.jpg" for number in range(300) if number % 3))
    touch(tmp_path, *(f"x/{number}.jpg" for number in range(100)))
    assert relative_names(tmp_path, names) == ([f"{number}.jpg" for number in range(300)], "/home/x/")


def test_names_stay_absolute_where_no_image_is_found(tmp_path: Path) -> None:
    names = ["/home/x/1.jpg", "/home/x/2.jpg"]
    assert relative_names(touch(tmp_path, "3.jpg"), names) == (names, "")


def test_names_of_two_roots_stay(tmp_path: Path) -> None:
    touch(tmp_path, "1.jpg", "2.jpg")
    for names in (["C:/1.jpg", "/2.jpg"], ["C:/1.jpg", "D:/2.jpg"], ["/1.jpg", "2.jpg"]):
        assert relative_names(tmp_path, names) == (names, "")


COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "été/café.jpg") for form in ("NFC", "NFD"))


def test_names_are_spelled_as_on_disk(tmp_path: Path) -> None:
    """Names in NFC, as most programs write them, of files in NFD, as macOS packs them, and the reverse."""
    assert len(COMPOSED) < len(DECOMPOSED)
    touch(tmp_path / "nfd", DECOMPOSED, "plain.jpg")
    touch(tmp_path / "nfc", COMPOSED)
    names = [COMPOSED, DECOMPOSED, "plain.jpg", "été/none.jpg", "nöne/é.jpg"]
    assert names_on_disk(tmp_path / "nfd", names)[:3] == [DECOMPOSED, DECOMPOSED, "plain.jpg"]
    assert names_on_disk(tmp_path / "nfd", names)[4] == "nöne/é.jpg"
    assert names_on_disk(tmp_path / "nfc", names)[:2] == [COMPOSED, COMPOSED]


def test_two_names_that_look_the_same_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "é.jpg", unicodedata.normalize("NFD", "é.jpg"), "à.jpg")
    assert names_on_disk(tmp_path, ["à.jpg"]) == ["à.jpg"]
    with pytest.raises(
        CrosshashError, match=r"holds two names that look the same, .*'e\\u0301\.jpg' and '\\xe9"
    ):
        names_on_disk(tmp_path, ["é.jpg"])


def test_absolute_names_of_files_in_the_other_spelling(tmp_path: Path) -> None:
    touch(tmp_path, DECOMPOSED)
    assert relative_names(tmp_path, [f"/home/x/{DECOMPOSED}"]) == ([COMPOSED], "/home/x/")


def test_a_null_byte_leads_nowhere(tmp_path: Path) -> None:
    """As damaged lists of names hold them; no system call takes one."""
    names = ["a.jpg", "a\0.jpg", "in\0ner/a.jpg"]
    assert leads_out(tmp_path, names) == [False, True, True]
    assert names_on_disk(tmp_path, names) == names


def test_leading_out(tmp_path: Path) -> None:
    folder = touch(tmp_path / "set", "in/1.jpg")
    touch(tmp_path, "other/2.jpg")
    (folder / "link").symlink_to(tmp_path / "other")
    (folder / "one.jpg").symlink_to(tmp_path / "other/2.jpg")
    (folder / "same").symlink_to(folder / "in")
    (folder / "loop").symlink_to(folder / "loop")
    expected = {
        "in/1.jpg": False,
        "absent/3.jpg": False,
        "same/1.jpg": False,
        "": False,
        "link/2.jpg": True,
        "one.jpg": True,
        "../other/2.jpg": True,
        "in/../../other/2.jpg": True,
        "/etc/hostname": True,
        "C:/x.jpg": True,
    }
    assert leads_out(folder, list(expected)) == list(expected.values())
