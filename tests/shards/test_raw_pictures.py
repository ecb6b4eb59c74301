from __future__ import annotations

import io
import tracemalloc
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from PIL import Image

from crosshash.datasets.readers.image_folder import read_image_folder
from crosshash.errors import CrosshashError
from crosshash.formats.pieces import Piece
from crosshash.pairs.raw_record import Recorded, describe_files, write_raw
from crosshash.pairs.source import PixelRows, RawItem, RawItems, SplitSizes
from crosshash.shards.convert import choose_split
from crosshash.shards.raw_pictures import crew_size, shard_items, spool_pictures
from tests.datasets.folders import plain_rows, write_folder

SIZES = SplitSizes(query=2, train=4)


def vectors(count: int) -> RawItems:
    """Items of three numbers for the image and one, the row, for the text."""
    items = tuple(RawItem(str(row), (f"text {row}",), ("even", "odd")[row % 2 :][:1]) for row in range(count))
    images = np.arange(3 * count, dtype=np.float32).reshape(-1, 3)
    return RawItems(items, ("even", "odd"), images, np.arange(count, dtype=np.float32)[:, None])


def files(root: Path, count: int) -> RawItems:
    """Items `0`, `1`, ... with pictures of their own; every 50th file is empty, `text` counts the items."""
    folder = write_folder(root / "set", plain_rows(count))
    for number in range(0, count, 50):
        (folder / f"{number}.jpg").write_bytes(b"")
    items = tuple(RawItem(str(number)) for number in range(count))
    paths = tuple(folder / f"{number}.jpg" for number in range(count))
    text = np.arange(count, dtype=np.uint8)[:, None]
    return RawItems(items, (), paths, text)


def test_bad_pictures_leave_the_others_in_step(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", [*plain_rows(4), ("1.jpg", "again", "cat")])
    (folder / "1.jpg").write_bytes(b"")
    (folder / "2.jpg").unlink()
    kept, pieces, bad = spool_pictures(read_image_folder(folder), tmp_path, 64, "full")
    assert [item.id for item in kept.items] == ["0.jpg", "3.jpg"]
    assert bad == [
        "1.jpg (row 3, 6): the file is empty (zero bytes)",
        "2.jpg (row 4): the file is missing",
    ]
    assert isinstance(kept.images, tuple)
    for row, path in enumerate(kept.images):
        assert pieces[row].read() == path.read_bytes()


@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_processes_gives_the_same(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = files(tmp_path, 201)
    monkeypatch.setenv("CROSSHASH_WORKERS", str(count))
    kept, pieces, bad = spool_pictures(source, tmp_path / "aside", 64, "quick")
    left = [number for number in range(201) if number % 50]
    assert [item.id for item in kept.items] == [str(number) for number in left]
    assert [pieces[row].read() for row in range(len(left))] == [
        source.images[number].read_bytes()  # type: ignore[index]
        for number in left
    ]
    assert kept.text is not None
    assert kept.text[:, 0].tolist() == left
    assert [line.split(": ")[1] for line in bad] == ["the file is empty (zero bytes)"] * 5
    assert bad[1].startswith(f"50 ({tmp_path / 'set/50.jpg'}): ")


def test_nothing_is_read_into_memory(tmp_path: Path) -> None:
    """300 pictures of 100,000 bytes (trailing zeros are no damage) pass, 30 MB, in a thirtieth of that."""
    source = files(tmp_path, 5)
    path = tmp_path / "set/1.jpg"
    path.write_bytes(path.read_bytes().ljust(100_000, b"\0"))
    items = tuple(RawItem(str(number)) for number in range(300))
    source = replace(source, items=items, images=(path,) * 300, text=None)
    tracemalloc.start()
    try:
        spool_pictures(source, tmp_path, 64, "quick")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_pixels_in_a_mat_file(tmp_path: Path) -> None:
    """In MATLAB's axes (rows, columns, colours, items): picture n is grey, 0 on the left, n on the right."""
    count = 70
    pixels = np.zeros((6, 8, 3, count), dtype=np.uint8)
    pixels[:, 4:] = np.arange(count)
    scipy.io.savemat(tmp_path / "all.mat", {"IAll": pixels})
    items = tuple(RawItem(str(number)) for number in range(count))
    source = RawItems(items, (), PixelRows(tmp_path / "all.mat", "IAll", count))
    kept, pieces, bad = spool_pictures(source, tmp_path / "aside", 64, "full")
    assert kept is source
    assert bad == []
    for number in range(count):
        image = Image.open(io.BytesIO(pieces[number].read()))
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (8, 6))
        assert np.abs(np.asarray(image).astype(int)[:, [0, 7]] - [[[0], [number]]]).max() <= 4


def test_a_piece_of_a_file_that_ends_too_early(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    assert Piece(str(tmp_path / "file"), 3, 4).read() == b"3456"
    assert Piece(str(tmp_path / "file"), 3, 0).read() == b""
    with pytest.raises(OSError, match="ends before byte 11"):
        Piece(str(tmp_path / "file"), 3, 8).read()


def test_workers_are_for_many_pictures_and_several_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSHASH_THREADS", "3")
    many = tuple(RawItem(str(number)) for number in range(300))
    paths = (tmp_path,) * 300
    assert crew_size(RawItems(many, (), paths)) == 3
    assert crew_size(RawItems(many[:200], (), paths[:200])) == 0
    assert crew_size(RawItems(many, (), np.zeros((300, 2), dtype=np.float32))) == 0
    assert crew_size(RawItems(many, (), None)) == 0
    monkeypatch.setenv("CROSSHASH_THREADS", "1")
    assert crew_size(RawItems(many, (), paths)) == 0


def test_no_workers_where_each_would_load_all_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrays in .mat files older than 7.3 cannot be read in parts."""
    monkeypatch.setenv("CROSSHASH_THREADS", "3")
    many = tuple(RawItem(str(number)) for number in range(300))
    pixels = np.zeros((2, 2, 3, 300), dtype=np.uint8)
    scipy.io.savemat(tmp_path / "old.mat", {"IAll": pixels})
    with h5py.File(tmp_path / "new.mat", "w") as file:
        file["IAll"] = pixels.T
    assert crew_size(RawItems(many, (), PixelRows(tmp_path / "old.mat", "IAll", 300))) == 0
    assert crew_size(RawItems(many, (), PixelRows(tmp_path / "new.mat", "IAll", 300))) == 3


def test_shard_items_follow_the_split(tmp_path: Path) -> None:
    source = vectors(9)
    split = choose_split(source, SIZES, None, None, 0.5, seed=3)
    assert isinstance(source.images, np.ndarray)
    parts = {part: list(found) for part, found in shard_items(source, split, source.images).items()}
    assert list(parts) == ["query", "train", "val", "rest"]
    ids = {part: tuple(item.id for item in found) for part, found in parts.items()}
    assert ids == {"query": split.query, "train": split.train, "val": split.val_query, "rest": split.rest()}
    for item in parts["train"]:
        assert item.row == int(item.id)
        assert item.image.tolist() == source.images[item.row].tolist()  # type: ignore[union-attr]
        assert item.text is not None
        assert item.text.tolist() == [item.row]


def test_items_of_a_set_without_pictures(tmp_path: Path) -> None:
    source = replace(vectors(6), images=None)
    split = choose_split(source, SIZES, None, None, 0, seed=0)
    for found in shard_items(source, split, None).values():
        assert all(item.image is None for item in found)


@pytest.mark.parametrize("count", [1, 2])
def test_pictures_that_are_not_the_recorded_ones_are_all_named(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same size, and decoders take them: their sha256 is another one."""
    folder = write_folder(tmp_path / "set", plain_rows(201))
    source, record = read_image_folder(folder), tmp_path / "set.json"
    write_raw(record, "custom", describe_files(folder, [item.id for item in source.items]))
    recorded = Recorded.of(record, folder)
    monkeypatch.setenv("CROSSHASH_WORKERS", str(count))
    kept, _, bad = spool_pictures(source, tmp_path / "aside", 64, "full", recorded)
    assert (kept, bad) == (source, [])
    for name in ("3.jpg", "150.jpg"):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:-1] + b"\xd8")
    with pytest.raises(CrosshashError) as refused:
        spool_pictures(source, tmp_path / "again", 64, "full", recorded)
    told = str(refused.value)
    assert f"2 raw file(s) are no longer those that {record} lists" in told
    assert "3.jpg (row 5): changed" in told
    assert "150.jpg (row 152): changed" in told
