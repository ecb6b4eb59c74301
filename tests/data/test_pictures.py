from __future__ import annotations

from pathlib import Path

import numpy as np

from crosshash.data.convert import choose_split
from crosshash.data.folder import read_image_folder
from crosshash.data.pictures import shard_items, spool_pictures
from crosshash.data.source import RawItem, RawItems, SplitSizes
from crosshash.data.spool import Spool
from tests.data.folders import plain_rows, write_folder

SIZES = SplitSizes(query=2, train=4)


def vectors(count: int) -> RawItems:
    """Items of three numbers for the image and one, the row, for the text."""
    items = tuple(RawItem(str(row), (f"text {row}",), ("even", "odd")[row % 2 :][:1]) for row in range(count))
    images = np.arange(3 * count, dtype=np.float32).reshape(-1, 3)
    return RawItems(items, ("even", "odd"), images, np.arange(count, dtype=np.float32)[:, None])


def test_bad_pictures_leave_the_others_in_step_with_the_spool(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", [*plain_rows(4), ("1.jpg", "again", "cat")])
    (folder / "1.jpg").write_bytes(b"")
    source = read_image_folder(folder)
    with Spool(tmp_path) as spool:
        kept, bad = spool_pictures(source, 64, spool)
        assert [item.id for item in kept.items] == ["0.jpg", "2.jpg", "3.jpg"]
        assert bad == ["1.jpg (row 3, 6): the file is empty (zero bytes)"]
        for row, path in enumerate(kept.images):
            assert spool[row] == path.read_bytes()


def test_shard_items_follow_the_split(tmp_path: Path) -> None:
    source = vectors(9)
    split = choose_split(source, SIZES, 0.5, seed=3)
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
