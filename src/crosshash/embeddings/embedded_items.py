"""Items whose vectors are at hand, as the networks that are trained over them read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosshash.embeddings.vectors import Array, Embeddings, text_rows
from crosshash.pairs.labels import label_matrix
from crosshash.pairs.table import PARTS, read_columns
from crosshash.protocols import Batches, Prepare
from crosshash.shards.item_files import Item
from crosshash.shards.prepared import ItemReader, PreparedItem, Texts, item_reader
from crosshash.shards.reading import Reading
from crosshash.shards.tar_files import read_shard, shard_names
from crosshash.shards.training_batches import Column, MemoryBatches, open_batches

BLOCK = 4096
"""Items that are made of the pair table at a time."""


def embedded_reader(embeddings: Embeddings, prepare_image: Prepare, prepare_text: Prepare) -> ItemReader:
    """Make the function that reads an item: its vectors where they are kept, else what the item holds."""
    if not embeddings.there:
        return item_reader(prepare_image, prepare_text)
    first = embeddings.first_text

    def read(item: Item) -> PreparedItem:
        image = item.image if embeddings.image is None else embeddings.image[item.row]
        raw_texts: Sequence[object] | np.ndarray = item.captions
        if embeddings.text is not None:
            raw_texts = embeddings.text[first[item.row] : first[item.row + 1]]
        texts = Texts(raw_texts, prepare_text)
        return PreparedItem(item.row, item.id, prepare_image(image), texts, item.labels)

    return read


def items_of_shards(data: Path, embeddings: Embeddings) -> Callable[[str, int], Iterator[Item]]:
    """Make the function that gives the items of a shard, told by part and number, in its order.

    The shard is read only where pictures are needed: else the pair table, which is read once, now.

    Raises:
        CrosshashError: a file of the data set is missing, damaged, or of another version.
    """
    shards = {part: shard_names(data, part) for part in PARTS}
    if embeddings.image is None:
        return lambda part, number: read_shard(data, shards[part][number][0])
    table = read_columns(data, ["id", "captions", "labels"])

    def read(part: str, number: int) -> Iterator[Item]:
        start = sum(count for _, count in shards[part][:number])
        rows = embeddings.order[part][start : start + shards[part][number][1]]
        return _told_items(table.take(pyarrow.array(rows)), rows)

    return read


def _told_items(table: pyarrow.Table, rows: NDArray[np.int64]) -> Iterator[Item]:
    """Give items of which only vectors are needed: rows of the pair table, and which these are."""
    places = iter(rows.tolist())
    for block in table.to_batches(BLOCK):
        for one in block.to_pylist():
            yield Item(next(places), one["id"], None, tuple(one["captions"]), None, tuple(one["labels"]))


def open_embedded(
    data: Path,
    part: str,
    count: int,
    embeddings: Embeddings,
    reading: Reading,
    prepare_text: Prepare,
    memory_mb: float,
) -> Batches:
    """Open a part for training; where images are vectors, these stay on disk and are read batch by batch."""
    if embeddings.image is None:
        return open_batches(data, part, count, reading, memory_mb)
    rows = embeddings.order[part]
    table = read_columns(data, ["captions", "labels"]).take(pyarrow.array(rows))
    counts = np.diff(embeddings.first_text)[rows]
    texts: Column = Captions(table["captions"].combine_chunks().flatten(), prepare_text)
    if embeddings.text is not None and not embeddings.first_text.any():  # the one text that stands for any
        texts, counts = Vectors(embeddings.text, np.zeros_like(rows)), np.ones_like(rows)
    elif embeddings.text is not None:
        texts = Vectors(embeddings.text, text_rows(embeddings.first_text, rows))
    labels = label_matrix(table["labels"].to_pylist(), reading.classes)
    return MemoryBatches(Vectors(embeddings.image, rows), texts, counts, labels, reading)


@dataclass(frozen=True)
class Vectors:
    """Some rows, int64[N], of vectors on disk."""

    array: Array
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: Tensor) -> Tensor:
        """Take vectors float32[B, D]."""
        return torch.from_numpy(np.asarray(self.array[self.rows[places.numpy()]], np.float32))


@dataclass(frozen=True)
class Captions:
    """Captions that a network reads which is trained; they are prepared each time anew."""

    texts: pyarrow.StringArray
    prepare: Prepare

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, places: Tensor) -> Tensor:
        """Take what the network reads of some captions."""
        chosen = self.texts.take(pyarrow.array(places.numpy())).to_pylist()
        return torch.from_numpy(np.stack([self.prepare(text) for text in chosen]))
