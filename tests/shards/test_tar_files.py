from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crosshash.artifacts import read_json, write_json
from crosshash.errors import CrosshashError
from crosshash.formats.pieces import Piece
from crosshash.shards import tar_files
from crosshash.shards.item_files import Item
from crosshash.shards.tar_files import read_items, read_shard, shard_names, write_shards
from crosshash.workers.processes import workers
from tests.stages.stage_runs import files_of


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


def vector_items(count: int) -> list[Item]:
    vectors = np.random.default_rng(2).random((count, 5), dtype=np.float32)
    return [Item(row, str(row), vector, (), vector[:3], ()) for row, vector in enumerate(vectors)]


def small_item(row: int) -> Item:
    return Item(row, str(row), b"picture", ("a",), None, ("x",))


def write_and_read_one(folder: Path) -> list[Item]:
    folder.mkdir()
    write_shards(folder, {"train": [small_item(7)]}, shard_mb=1)
    return list(read_items(folder, "train"))


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
    assert [member.name for member in members[:2]] == ["00000000.jpg", "00000000.json"]
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
    "damage",
    [
        pytest.param(lambda data: data[:3000], id="in an item"),
        pytest.param(lambda data: data[: 2 * 3072], id="between items"),
        pytest.param(lambda data: data[: 4 * 3072 - 1024], id="before the last text"),
        pytest.param(lambda data: data[:-1], id="at the end"),
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[:3072] + b"\xff" * 512 + data[3584:], id="header"),
        pytest.param(lambda data: data[:11264] + b"\xff" * 512 + data[11776:], id="header of the last text"),
        pytest.param(lambda data: data.replace(b'"id": "1"', b'"id": "3"'), id="content"),
    ],
)
def test_a_cut_or_damaged_shard_is_noticed(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """An item takes three headers of 512 and its contents of a block each: 3,072 bytes, the text last."""
    write_shards(tmp_path, {"train": vector_items(4)}, shard_mb=1)
    path = tmp_path / "shards/train-000000.tar"
    whole = path.read_bytes()
    assert whole[4 * 3072 - 1024 :].startswith(b"00000003.text.npy")
    path.write_bytes(damage(whole))
    assert path.read_bytes() != whole
    with pytest.raises(CrosshashError, match="differs from its checksum") as error:
        next(read_items(tmp_path, "train"))
    assert str(path) in str(error.value)
    assert "Delete it and run `dvc repro convert`" in str(error.value)


def test_another_count_than_the_index_says_is_noticed(tmp_path: Path) -> None:
    write_shards(tmp_path, {"train": jpeg_items(4)}, shard_mb=1)
    index = tmp_path / "shards/index.json"
    entries = read_json(index)["shards"]
    write_json(index, {"shards": [entry | {"count": 5} for entry in entries]})
    with pytest.raises(CrosshashError, match=r"train-000000\.tar: holds 4 items where index\.json says 5"):
        list(read_items(tmp_path, "train"))


def test_arrays_of_objects_are_neither_pickled_nor_unpickled(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    (tmp_path / "one").mkdir()
    with pytest.raises(ValueError, match="allow_pickle=False"):
        write_shards(tmp_path / "one", {"val": [Item(0, "0", objects, (), None, ())]}, shard_mb=1)

    write_shards(tmp_path, {"val": vector_items(1)}, shard_mb=1)
    path, index = tmp_path / "shards/val-000000.tar", tmp_path / "shards/index.json"
    pickled = io.BytesIO()
    np.save(pickled, objects, allow_pickle=True)
    with tarfile.open(path, "w") as tar:
        for name, data in (("00000000.image.npy", pickled.getvalue()), ("00000000.json", b'{"id": "0"}')):
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    (entry,) = read_json(index)["shards"]
    write_json(index, {"shards": [entry | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}]})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        list(read_items(tmp_path, "val"))


def waiting_items(root: Path, count: int, size: int) -> list[Item]:
    """Items whose pictures wait on disk, one after the other."""
    path = root / "waiting"
    path.write_bytes(np.random.default_rng(3).bytes(count * size))
    return [
        Item(row, str(row), Piece(str(path), row * size, size), ("a",), None, ("x",)) for row in range(count)
    ]


def test_memory_does_not_grow_with_the_pictures_of_a_shard(tmp_path: Path) -> None:
    """1,000 pictures of 10,000 bytes make a shard of 10 MB; a checksum is read by 262,144 bytes."""
    write_and_read_one(tmp_path / "imports")
    items = waiting_items(tmp_path, 1000, 10_000)
    tracemalloc.start()
    try:
        write_shards(tmp_path, {"train": items}, shard_mb=100)
        assert sum(1 for _ in read_items(tmp_path, "train")) == 1000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 500_000


@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_processes_writes_equal_bytes(tmp_path: Path, count: int) -> None:
    items = waiting_items(tmp_path, 100, 3000)
    parts = {"query": items[60:75], "train": items[:60], "val": [], "rest": items[75:]}
    for name in ("alone", "shared"):
        (tmp_path / name).mkdir()
    write_shards(tmp_path / "alone", parts, shard_mb=0.03)
    with workers(count) as crew:
        write_shards(tmp_path / "shared", parts, shard_mb=0.03, crew=crew)
    alone = files_of(tmp_path / "alone")
    assert len(alone) > 10
    assert files_of(tmp_path / "shared") == alone
    assert (
        [item.image for item in read_items(tmp_path / "alone", "query")]
        == [
            item.image.read()  # type: ignore[union-attr]
            for item in items[60:75]
        ]
    )


def test_items_without_picture(tmp_path: Path) -> None:
    items = [replace(small_item(row), image=None) for row in range(3)]
    write_shards(tmp_path, {"train": items}, shard_mb=1)
    assert list(read_items(tmp_path, "train")) == items


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.bool_, np.int32])
def test_texts_of_any_numbers_become_float32(tmp_path: Path, dtype: type) -> None:
    texts = np.array([[0, 1, 1], [1, 0, 0]], dtype=dtype)
    items = [replace(small_item(row), text=text) for row, text in enumerate(texts)]
    write_shards(tmp_path, {"train": items}, shard_mb=1)
    for item, text in zip(read_items(tmp_path, "train"), texts, strict=True):
        assert item.text is not None
        assert item.text.dtype == np.float32
        assert item.text.tolist() == text.tolist()


def test_size_limit_of_vectors(tmp_path: Path) -> None:
    """An item of 3,072 bytes as below: 6,200 bytes hold two."""
    write_shards(tmp_path, {"train": vector_items(5)}, shard_mb=6_200 / 1e6)
    assert [count for _, count in shard_names(tmp_path, "train")] == [2, 2, 1]


@pytest.mark.parametrize("name", ["a#b?c;d=e", "pipe:cat x", "a b%20c", "{1..2}"])
def test_one_item_and_a_folder_of_any_name(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """webdataset takes names for URLs and brace patterns if let."""
    assert write_and_read_one(tmp_path / name) == [small_item(7)]
    monkeypatch.chdir(tmp_path)
    assert list(read_items(Path(name), "train")) == [small_item(7)]


def test_parts_without_items_have_no_shards(tmp_path: Path) -> None:
    write_shards(tmp_path, {"query": [], "val": []}, shard_mb=1)
    assert read_json(tmp_path / "shards/index.json") == {"shards": []}
    assert list(read_items(tmp_path, "val")) == []


def test_a_missing_shard_is_noticed(tmp_path: Path) -> None:
    write_shards(tmp_path, {"train": jpeg_items(4)}, shard_mb=1)
    (tmp_path / "shards/train-000000.tar").unlink()
    with pytest.raises(CrosshashError, match=r"train-000000\.tar: cannot be read"):
        list(read_shard(tmp_path, "train-000000.tar"))


def test_the_index_is_parsed_once_and_again_when_it_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set of S shards once parsed S entries S times."""
    write_shards(tmp_path, {"train": [Item(n, str(n), b"x" * 2000, (), None, ()) for n in range(9)]}, 0.004)
    parsed = []
    monkeypatch.setattr(tar_files, "read_json", lambda path: parsed.append(path) or read_json(path))
    names = [name for name, _ in shard_names(tmp_path, "train")]
    assert len(names) > 3
    assert len(list(read_items(tmp_path, "train"))) == 9
    assert len(parsed) == 1
    index = tmp_path / "shards" / "index.json"
    entries = read_json(index)["shards"][1:]
    write_json(index, {"shards": entries})
    assert [name for name, _ in shard_names(tmp_path, "train")] == names[1:]
    with pytest.raises(CrosshashError, match="knows no such shard"):
        list(read_shard(tmp_path, names[0]))
