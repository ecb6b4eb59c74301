from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from crosshash.errors import CrosshashError
from crosshash.search.stored_pictures import ShardPictures
from crosshash.shards.tar_files import Item, write_shards


def jpeg(row: int) -> bytes:
    """Bytes that differ from row to row, of sizes around a block of 512."""
    return bytes([255, 216, row]) + bytes(505 + row)


def write_set(folder: Path, count: int = 12) -> ShardPictures:
    items = [Item(row, f"odd/{row}.x", jpeg(row), ("a",), None, ("x",)) for row in range(count)]
    folder.mkdir()
    write_shards(folder, {"train": items[:7], "rest": items[7:]}, 0.005)
    return ShardPictures(folder)


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


def test_a_shard_that_is_gone_or_no_tar_is_named(tmp_path: Path) -> None:
    pictures = write_set(tmp_path / "set")
    assert pictures.there
    assert not ShardPictures(tmp_path / "none").there
    shard = next((tmp_path / "set" / "shards").glob("rest-*.tar"))
    shard.write_bytes(b"x" * 2000)
    with pytest.raises(CrosshashError, match=rf"{shard.name}: cannot be read.*dvc repro convert"):
        pictures.picture(1, "odd/1.x")
    shard.unlink()
    with pytest.raises(CrosshashError, match=rf"{shard.name}: cannot be read.*dvc repro convert"):
        pictures.picture(1, "odd/1.x")
