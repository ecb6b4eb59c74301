"""Pictures of a data set on their way from the raw files into the shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from crosshash.data.images import BadImageError, prepare_images
from crosshash.data.pairs import PARTS
from crosshash.data.progress import tracked
from crosshash.data.shards import Item
from crosshash.data.source import RawItems
from crosshash.data.split import Split
from crosshash.data.spool import Spool


def spool_pictures(source: RawItems, max_side: int, spool: Spool) -> tuple[RawItems, list[str]]:
    """Put every good picture into the spool, as it goes into the shards.

    Returns the data set without the items of bad pictures, in step with the spool, and a line for each
    bad one.
    """
    paths = [Path(path) for path in source.images]
    pictures = tracked(prepare_images(paths, max_side), len(paths), "pictures", "images")
    kept, bad = [], []
    for row, (item, picture) in enumerate(zip(source.items, pictures, strict=True)):
        if isinstance(picture, BadImageError):
            bad.append(f"{item.id} (row {', '.join(map(str, item.rows))}): {picture}")
        else:
            kept.append(row)
            spool.append(picture)
    items = tuple(source.items[row] for row in kept)
    return replace(source, items=items, images=tuple(paths[row] for row in kept)), bad


def shard_items(source: RawItems, split: Split, images: Spool | np.ndarray) -> dict[str, Iterator[Item]]:
    """Give the items of every part in the split's order; `images` holds one picture or vector per row."""
    row_of = {item.id: row for row, item in enumerate(source.items)}

    def items(ids: Sequence[str]) -> Iterator[Item]:
        for row in map(row_of.__getitem__, ids):
            item = source.items[row]
            text = None if source.text is None else source.text[row]
            yield Item(row, item.id, images[row], item.captions, text, item.labels)

    parts = (split.query, split.train, split.val_query, split.rest())
    return {part: items(ids) for part, ids in zip(PARTS, parts, strict=True)}
