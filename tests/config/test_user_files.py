from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from crosshash.artifacts import read_json, write_json
from crosshash.config.user_files import MEMORY, check_content, content_digest, listing_digest
from crosshash.errors import CrosshashError


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CROSSHASH_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_changed_file_of_the_same_name_and_size_has_another_digest(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    for content in (b"one", b"two", b"one", b""):
        path.write_bytes(content)
        os.utime(path, (1e9, 1e9))  # times can be set back, as unpacking does
        assert content_digest(path) == sha256(content)


def test_a_file_that_was_not_touched_is_not_read_again(tmp_path: Path, state: Path) -> None:
    """A digest planted among the remembered ones is believed as long as nothing of the file has changed."""
    path = tmp_path / "weights.pt"
    path.write_bytes(b"one")
    content_digest(path)
    memory = read_json(state / MEMORY)
    (mark,) = memory.values()
    write_json(state / MEMORY, {place: [*mark[:-1], "planted"] for place in memory})
    assert content_digest(path) == "planted"
    os.utime(path)
    assert content_digest(path) == sha256(b"one")


def test_what_is_gone_is_forgotten_and_other_files_are_not(tmp_path: Path, state: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
        content_digest(tmp_path / name)
    (tmp_path / "a").unlink()
    (tmp_path / "c").write_text("c")
    content_digest(tmp_path / "c")
    assert set(read_json(state / MEMORY)) == {str(tmp_path / name) for name in "bc"}


@pytest.mark.parametrize("damaged", ["", "[]", "{", '{"x": 1}', '{"PATH": [1, 2]}', '{"PATH": "abcde"}'])
def test_a_damaged_memory_is_none(tmp_path: Path, state: Path, damaged: str) -> None:
    path = tmp_path / "a"
    path.write_text("a")
    state.mkdir()
    (state / MEMORY).write_text(damaged.replace("PATH", str(path)))
    assert content_digest(path) == sha256(b"a")


def test_nothing_is_remembered_where_that_cannot_be_written(tmp_path: Path, state: Path) -> None:
    state.write_text("a file, where the folder would be")
    (tmp_path / "a").write_text("a")
    assert content_digest(tmp_path / "a") == sha256(b"a")


def test_a_folder_or_nothing_in_place_of_a_file(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(CrosshashError, match=f"{place}: cannot be read"):
            content_digest(place)


def test_content_is_compared_with_that_of_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text("one")
    check_content(str(path), sha256(b"one"))
    check_content(None, None)
    check_content("openai", None)
    with pytest.raises(CrosshashError, match=r"split\.json: has changed since the plan was made"):
        check_content(str(path), sha256(b"two"))


def test_a_listing_sees_what_is_added_changed_renamed_and_gone(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    (folder / "in").mkdir(parents=True)
    (folder / "in/1.jpg").write_text("one")
    (folder / "link").symlink_to(tmp_path / "none")
    seen = [listing_digest(folder)]
    assert listing_digest(folder) == seen[0]
    (folder / "in/2.jpg").write_text("two")
    seen.append(listing_digest(folder))
    (folder / "in/2.jpg").rename(folder / "in/3.jpg")
    seen.append(listing_digest(folder))
    (folder / "in/3.jpg").write_text("three")
    seen.append(listing_digest(folder))
    os.utime(folder / "in/1.jpg", (1e9, 1e9))
    seen.append(listing_digest(folder))
    assert len(set(seen)) == len(seen)
    (folder / "in/3.jpg").unlink()
    before = listing_digest(folder)
    (folder / "in/3.jpg").touch()
    assert listing_digest(folder) != before
