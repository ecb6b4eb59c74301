from __future__ import annotations

import os
from pathlib import Path

import pytest

import crosshash.artifacts
from crosshash.artifacts import atomic_path
from crosshash.disk import MANY, exchange, flush, flush_files


def test_two_folders_change_places_in_one_step(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    if not exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this file system cannot")
    assert (tmp_path / "one" / "file").read_text() == "other"
    assert (tmp_path / "other" / "file").read_text() == "one"
    assert not exchange(tmp_path / "one", tmp_path / "nothing")
    assert (tmp_path / "one" / "file").read_text() == "other"


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is flushed and moved, in order, by the ends of their paths; all of it really happens."""
    told: list[str] = []
    fsync, replace = os.fsync, os.replace

    def flushed(file: int) -> None:
        told.append(f"flush {Path(os.readlink(f'/proc/self/fd/{file}')).name}")
        fsync(file)

    def replaced(source: Path, target: Path) -> None:
        told.append(f"move {target.name}")
        replace(source, target)

    def exchanged(one: Path, other: Path) -> bool:
        told.append(f"move {other.name}")
        return exchange(one, other)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", replaced)
    monkeypatch.setattr(crosshash.artifacts, "exchange", exchanged)
    return told


def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_counts(
    tmp_path: Path, events: list[str]
) -> None:
    """A folder that had to be made is itself a name in the folder above."""
    with atomic_path(tmp_path / "a" / "b" / "file", durable=True) as temporary:
        temporary.write_text("content")
    made = [f"flush {name}" for name in ("b", "a", tmp_path.name)]
    assert events == ["flush new", "move file", *made]
    events.clear()
    with atomic_path(tmp_path / "a" / "b" / "file", durable=True) as temporary:
        temporary.write_text("content")
    assert events == ["flush new", "move file", "flush b"]


def test_so_is_all_that_a_folder_holds(tmp_path: Path, events: list[str]) -> None:
    for _ in range(2):
        events.clear()
        with atomic_path(tmp_path / "folder", durable=True) as temporary:
            (temporary / "in").mkdir(parents=True)
            (temporary / "one").touch()
            (temporary / "in" / "two").touch()
        assert events == [
            "flush two", "flush in", "flush one", "flush new", "move folder", f"flush {tmp_path.name}",
        ]  # fmt: skip


def test_many_files_are_flushed_by_one_call(
    tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.sync
    monkeypatch.setattr(os, "sync", lambda: (events.append("flush all"), sync()))
    paths = [tmp_path / str(number) for number in range(MANY + 1)]
    for path in paths:
        path.touch()
    flush_files(paths[:2])
    assert events == ["flush 0", "flush 1", f"flush {tmp_path.name}"]
    events.clear()
    flush_files(paths)
    assert events == ["flush all"]


def test_what_can_be_made_again_is_not_waited_for(tmp_path: Path, events: list[str]) -> None:
    with atomic_path(tmp_path / "file") as temporary:
        temporary.touch()
    assert events == ["move file"]


def test_a_disk_that_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: int) -> None:
        raise OSError(5, "Input/output error")

    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        flush(tmp_path / "file")
