from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.pairs.raw_record import check_contents, check_raw, describe_files, read_raw, write_raw
from crosshash.pairs.source import RawFile, raw_folder


def three_files(folder: Path) -> list[RawFile]:
    for name in ("b.txt", "a.txt", "in/c.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    return describe_files(folder, ["b.txt", "in/c.txt", "a.txt", "b.txt"])


def test_description_is_sorted_and_right(tmp_path: Path) -> None:
    files = three_files(tmp_path)
    assert [file.name for file in files] == ["a.txt", "b.txt", "in/c.txt"]
    assert files[2] == RawFile("in/c.txt", 8, hashlib.sha256(b"in/c.txt").hexdigest())


def test_record(tmp_path: Path) -> None:
    files = three_files(tmp_path)
    record = tmp_path / "record.json"
    write_raw(record, "custom", files[::-1])
    assert json.loads(record.read_text())["dataset"] == "custom"
    assert read_raw(record) == files


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"none\.txt: cannot be read"):
        describe_files(tmp_path, ["none.txt"])


def never() -> list[RawFile]:
    raise AssertionError("fetched although nothing is missing")


def test_nothing_is_fetched_while_all_is_there(tmp_path: Path) -> None:
    write_raw(tmp_path / "record.json", "custom", three_files(tmp_path))
    check_raw(tmp_path / "record.json", tmp_path, never)


def test_what_vanished_is_fetched_again(tmp_path: Path) -> None:
    write_raw(tmp_path / "record.json", "custom", three_files(tmp_path))
    (tmp_path / "a.txt").unlink()
    check_raw(tmp_path / "record.json", tmp_path, lambda: three_files(tmp_path))
    assert (tmp_path / "a.txt").read_text() == "a.txt"


def test_what_fetching_does_not_bring_back_is_listed(tmp_path: Path) -> None:
    write_raw(tmp_path / "record.json", "custom", three_files(tmp_path))
    (tmp_path / "a.txt").unlink()
    (tmp_path / "b.txt").write_text("longer")
    with pytest.raises(CrosshashError) as error:
        check_raw(tmp_path / "record.json", tmp_path, lambda: describe_files(tmp_path, ["b.txt", "in/c.txt"]))
    message = str(error.value)
    assert "2 raw file(s)" in message
    assert "a.txt: vanished" in message
    assert "b.txt: changed" in message
    assert "c.txt" not in message
    assert "dvc repro --force download" in message


def test_folders_and_links_in_circles_are_no_files(tmp_path: Path) -> None:
    files = three_files(tmp_path)
    write_raw(tmp_path / "record.json", "custom", files)
    (tmp_path / "a.txt").unlink()
    (tmp_path / "a.txt").symlink_to("a.txt")
    (tmp_path / "b.txt").unlink()
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(CrosshashError, match=r"2 raw file\(s\)"):
        check_raw(tmp_path / "record.json", tmp_path, lambda: [files[2]])


def test_record_of_another_version(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text('{"files": [{"path": "a"}]}')
    with pytest.raises(CrosshashError, match=r"record\.json: does not fit this version"):
        read_raw(tmp_path / "record.json")


def test_place_of_raw_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSHASH_RAW", "/big/disk")
    assert raw_folder() == Path("/big/disk")
    monkeypatch.delenv("CROSSHASH_RAW")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert raw_folder() == Path("/cache/crosshash/raw")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert raw_folder() == Path.home() / ".cache/crosshash/raw"


def test_another_content_of_the_same_size_is_named_but_for_endings_that_are_left_to_others(
    tmp_path: Path,
) -> None:
    write_raw(tmp_path / "record.json", "custom", three_files(tmp_path))
    check_contents(tmp_path / "record.json", tmp_path)
    (tmp_path / "b.txt").write_text("B.txt")
    check_raw(tmp_path / "record.json", tmp_path, never)
    with pytest.raises(
        CrosshashError, match=r"(?s)1 raw file\(s\).*record\.json lists.*b\.txt: changed.*--force download"
    ):
        check_contents(tmp_path / "record.json", tmp_path)
    check_contents(tmp_path / "record.json", tmp_path, (".txt",))
