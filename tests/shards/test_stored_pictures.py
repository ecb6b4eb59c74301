from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crosshash.errors import CrosshashError
from crosshash.shards.item_files import Item
from crosshash.shards.stored_pictures import ShardPictures
from crosshash.shards.tar_files import write_shards


def jpeg(row: int) -> bytes:
    """Bytes that differ from row to row, of sizes around a block of 512."""
    return bytes([255, 216, row]) + bytes(505 + row)


def write_set(folder: Path, count: int = 12) -> ShardPictures:
    items = [Item(row, f"odd/{row}.x", jpeg(row), ("a",), None, ("x",)) for row in range(count)]
    folder.mkdir()
    write_shards(folder, {"train": items[:7], "rest": items[7:]}, 0.005)
    return ShardPictures(folder)


def shard_of(folder: Path, row: int) -> Path:
    name = f"{row:08d}.jpg".encode()
    return next(path for path in (folder / "shards").glob("*.tar") if name in path.read_bytes())


def test_each_picture_is_the_one_that_tarfile_reads(tmp_path: Path) -> None:
    pictures = write_set(tmp_path / "set")
    shards = sorted((tmp_path / "set" / "shards").glob("*.tar"))
    assert len(shards) > 2
    found = {}
    for shard in shards:
        with tarfile.open(shard) as file:
            for member in file:
                opened = file.extractfile(member)
                assert opened is not None
                found[member.name] = opened.read()
    for row in range(12):
        assert pictures.picture(row, f"odd/{row}.x") == found[f"{row:08d}.jpg"] == jpeg(row)


def test_a_row_of_another_item_has_no_picture(tmp_path: Path) -> None:
    pictures = write_set(tmp_path / "set")
    assert pictures.picture(3, "odd/4.x") is None
    assert pictures.picture(99, "odd/99.x") is None


def test_vectors_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    vector = np.zeros(3, np.float32)
    write_shards(tmp_path / "set", {"rest": [Item(0, "a", vector, (), vector, ())]}, 1)
    assert ShardPictures(tmp_path / "set").picture(0, "a") is None


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"x" * 2000, id="no tar"),
        pytest.param(lambda data: None, id="gone"),
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: bytes(len(data)), id="zeros"),
        pytest.param(lambda data: data[:1024], id="cut"),
        pytest.param(lambda data: data[:124] + b"7" + data[125:], id="a size in a header"),
    ],
)
def test_a_damaged_shard_is_named_for_rows_that_may_be_its_own_and_the_others_are_shown(
    tmp_path: Path, damage: Callable[[bytes], bytes | None]
) -> None:
    pictures = write_set(tmp_path / "set")
    assert pictures.there
    assert not ShardPictures(tmp_path / "none").there
    shard = shard_of(tmp_path / "set", 11)
    content = damage(shard.read_bytes())
    shard.unlink()
    if content is not None:
        shard.write_bytes(content)
    assert pictures.picture(1, "odd/1.x") == jpeg(1)
    for _ in range(2):
        with pytest.raises(
            CrosshashError, match=rf"{shard.name}: (cannot be read|differs).*dvc repro convert"
        ):
            pictures.picture(11, "odd/11.x")


def test_pictures_of_a_data_set_that_was_converted_anew_are_not_those_of_the_index(tmp_path: Path) -> None:
    """The shards are whole, and others: that is no damage."""
    pictures = write_set(tmp_path / "set", 12)
    assert pictures.picture(8, "odd/8.x") == jpeg(8)
    shutil.rmtree(tmp_path / "set")
    write_set(tmp_path / "set", 9)
    assert pictures.picture(7, "odd/7.x") == jpeg(7)
    items = [Item(row, f"new/{row}.x", jpeg(row), (), None, ()) for row in range(12)]
    shutil.rmtree(tmp_path / "set" / "shards")
    write_shards(tmp_path / "set", {"train": items[:7], "rest": items[7:]}, 0.005)
    assert pictures.picture(7, "odd/7.x") is None


def test_one_damaged_picture_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    pictures = write_set(tmp_path / "set")
    assert pictures.picture(8, "odd/8.x") == jpeg(8)
    shard = shard_of(tmp_path / "set", 8)
    whole = shard.read_bytes()
    place = whole.index(b"00000008.jpg") + 600
    shard.write_bytes(whole[:place] + b"\1" + whole[place + 1 :])
    with pytest.raises(CrosshashError, match=rf"{shard.name}: differs from its checksum.*dvc repro convert"):
        pictures.picture(8, "odd/8.x")
    assert pictures.picture(7, "odd/7.x") == jpeg(7)
