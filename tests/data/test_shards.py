from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crosshash.data.shards import Item, read_items, read_shard, shard_names, write_shards
from crosshash.errors import CrosshashError


def jpeg_items(count: int, size: int = 1000) -> list[Item]:
    random = np.random.default_rng(0)
    return [
        Item(
            7 * row,
            f"im/{row}.v2.jpg",
            random.bytes(size),
            (f"a {row}", 'b "ä"\n'),
            None,
            ("x, y", "z")[: row % 3],
        )
        for row in range(count)
    ]


def test_jpeg_round_trip_in_order(tmp_path: Path) -> None:
    items = jpeg_items(20)[::-1]
    write_shards(tmp_path, {"train": items, "query": items[:3]}, shard_mb=1)
    assert list(read_items(tmp_path, "train")) == items
    assert list(read_items(tmp_path, "query")) == items[:3]


def test_vectors_round_trip(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    image, text = random.random((4, 5), dtype=np.float32), random.random((4, 3), dtype=np.float32)
    write_shards(
        tmp_path,
        {"val": [Item(row, str(row), image[row], (), text[row], ()) for row in range(4)]},
        shard_mb=1,
    )
    for row, item in enumerate(read_items(tmp_path, "val")):
        assert isinstance(item.image, np.ndarray)
        assert item.text is not None
        assert item.image.dtype == item.text.dtype == np.float32
        np.testing.assert_array_equal(item.image, image[row])
        np.testing.assert_array_equal(item.text, text[row])


def test_index_counts_and_checksums(tmp_path: Path) -> None:
    write_shards(tmp_path, {"query": [], "train": jpeg_items(5), "val": jpeg_items(2)}, shard_mb=1)
    listing = json.loads((tmp_path / "shards/index.json").read_text())["shards"]
    assert [(shard["name"], shard["part"], shard["count"]) for shard in listing] == [
        ("train-000000.tar", "train", 5),
        ("val-000000.tar", "val", 2),
    ]
    for shard in listing:
        data = (tmp_path / "shards" / shard["name"]).read_bytes()
        assert shard["sha256"] == hashlib.sha256(data).hexdigest()
    assert list(read_items(tmp_path, "query")) == []
    assert shard_names(tmp_path, "train") == [("train-000000.tar", 5)]


def test_size_limit(tmp_path: Path) -> None:
    """An item takes 2 headers of 512, its JSON in one block of 512 and 1,000 bytes in two: 2,560 bytes.

    So 10,240 bytes hold four items; of ten the last two stand alone. tar adds up to 10,240 bytes of end mark.
    """
    write_shards(tmp_path, {"train": jpeg_items(10)}, shard_mb=10_240 / 1e6)
    assert [count for _, count in shard_names(tmp_path, "train")] == [4, 4, 2]
    assert list(read_items(tmp_path, "train")) == jpeg_items(10)


def test_an_item_above_the_limit_has_a_shard_of_its_own(tmp_path: Path) -> None:
    write_shards(tmp_path, {"train": jpeg_items(3)}, shard_mb=1e-6)
    assert [count for _, count in shard_names(tmp_path, "train")] == [1, 1, 1]


def test_nothing_of_this_run_is_in_the_tar(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_shards(tmp_path / name, {"train": jpeg_items(3)}, shard_mb=1)
    path = tmp_path / "one/shards/train-000000.tar"
    assert path.read_bytes() == (tmp_path / "two/shards/train-000000.tar").read_bytes()
    with tarfile.open(path) as tar:
        members = tar.getmembers()
    assert [member.name for member in members[:2]] == ["00000000.json", "00000000.jpg"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o444)}


def test_webdataset_reads_the_shards(tmp_path: Path) -> None:
    import webdataset

    items = jpeg_items(6)
    write_shards(tmp_path, {"train": items}, shard_mb=1)
    url = str(tmp_path / "shards/train-000000.tar")
    samples = list(webdataset.WebDataset(url, shardshuffle=False, empty_check=False))
    assert [sample["__key__"] for sample in samples] == [f"{item.row:08d}" for item in items]
    assert [sample["jpg"] for sample in samples] == [item.image for item in items]
    assert [json.loads(sample["json"])["id"] for sample in samples] == [item.id for item in items]


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (lambda data: data[:5700], "cannot be read"),
        (lambda data: data[: 2 * 2560], r"holds 2 items where index\.json says 4"),
        (lambda data: b"", "cannot be read|holds 0 items"),
        (lambda data: data[:2560] + b"\xff" * 512 + data[3072:], "cannot be read|holds 1 items"),
    ],
)
def test_a_cut_shard_is_noticed(tmp_path: Path, damage: Callable[[bytes], bytes], finding: str) -> None:
    write_shards(tmp_path, {"train": jpeg_items(4)}, shard_mb=1)
    path = tmp_path / "shards/train-000000.tar"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CrosshashError, match=finding) as error:
        list(read_items(tmp_path, "train"))
    assert str(path) in str(error.value)
    assert "Delete it and run `dvc repro convert`" in str(error.value)


def test_a_missing_shard_is_noticed(tmp_path: Path) -> None:
    write_shards(tmp_path, {"train": jpeg_items(4)}, shard_mb=1)
    (tmp_path / "shards/train-000000.tar").unlink()
    with pytest.raises(CrosshashError, match=r"train-000000\.tar: cannot be read"):
        list(read_shard(tmp_path, "train-000000.tar"))
