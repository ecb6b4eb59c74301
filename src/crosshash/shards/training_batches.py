"""Training pairs as tensors: small sets decoded once and kept in memory, large ones streamed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from crosshash.pairs.labels import label_matrix
from crosshash.protocols import Batches, PairBatch
from crosshash.seeding import stream
from crosshash.shards.prepared import PreparedItem, prepared
from crosshash.shards.reading import Reading, starts
from crosshash.shards.streamed_batches import StreamedBatches
from crosshash.shards.tar_files import read_items


def open_batches(folder: Path, part: str, count: int, reading: Reading, memory_mb: float) -> Batches:
    """Choose between memory and streaming by what the decoded part would take."""
    limit = memory_mb * 1e6
    items = prepared(read_items(folder, part), reading.read)
    found = _gathered(items, count, reading, limit)
    items.close()
    return StreamedBatches(folder, part, count, reading, limit) if found is None else found


class Column(Protocol):
    """Values by place, as a tensor has them."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, places: Tensor, /) -> Tensor:
        """Take those at some places, int64[B]."""
        ...


def batches_of(items: Sequence[PreparedItem], reading: Reading) -> MemoryBatches:
    """Decode every image and text once: uint8 pixels and tokens of a small set fit in memory."""
    found = _gathered(iter(items), len(items), reading, math.inf)
    assert found is not None  # noqa: S101 - tells mypy that no limit was met
    return found


def _gathered(
    items: Iterator[PreparedItem], count: int, reading: Reading, limit: float
) -> MemoryBatches | None:
    """Gather all of so many items in arrays, of which none is made twice; None beyond `limit` bytes."""
    images: np.ndarray | None = None
    texts, texts_of, labels, held = Rows(), [], [], 0
    for place, item in enumerate(items):
        if images is None:
            held = item.image.nbytes * count
            if held + count * sum(text.nbytes for text in item.texts) > limit:
                return None  # nothing is read in vain
            images = np.empty((count, *item.image.shape), item.image.dtype)
        if held > limit:
            return None
        images[place] = item.image
        for text in item.texts:
            texts.add(text)
            held += text.nbytes
        texts_of.append(len(item.texts))
        labels.append(item.labels)
    if images is None or held > limit:
        return None
    return MemoryBatches(
        torch.from_numpy(images),
        torch.from_numpy(texts.all()),
        np.array(texts_of),
        label_matrix(labels, reading.classes),
        reading,
    )


class Rows:
    """Arrays of one shape in a matrix that grows by a quarter at a time."""

    def __init__(self) -> None:
        self.array: np.ndarray | None = None
        self.count = 0

    def add(self, row: np.ndarray) -> None:
        """Put an array behind the others."""
        if self.array is None:
            self.array = np.empty((64, *row.shape), row.dtype)
        if self.count == len(self.array):
            self.array.resize((self.count + self.count // 4, *row.shape), refcheck=False)
        self.array[self.count] = row
        self.count += 1

    def all(self) -> np.ndarray:
        """Give them all."""
        if self.array is None:
            raise ValueError("no text was added")
        self.array.resize((self.count, *self.array.shape[1:]), refcheck=False)
        return self.array


class MemoryBatches:
    """Images, and texts item by item, at hand in any order; texts_of: how many each item has, int[N]."""

    def __init__(
        self, images: Column, texts: Column, texts_of: np.ndarray, labels: np.ndarray, reading: Reading
    ) -> None:
        self.reading = reading
        self.images, self.texts, self.captions = images, texts, texts_of
        self.first_text = np.concatenate([[0], np.cumsum(texts_of)[:-1]])
        self.labels = torch.from_numpy(labels)

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(starts(len(self.images), self.reading.batch))

    def epoch(self, epoch: int) -> Iterator[PairBatch]:
        """Yield the batches of an epoch, each item once."""
        random = stream(self.reading.seed, "order", epoch)
        order = torch.from_numpy(random.permutation(len(self.images)))
        shown = self.first_text
        if self.reading.caption == "random":
            shown = shown + random.integers(0, self.captions)
        text_row = torch.from_numpy(shown)
        for start, stop in starts(len(order), self.reading.batch):
            rows = order[self.reading.share.shown(start, stop)]
            yield self._batch(rows, text_row[rows], self.reading.share.sizes(start, stop))

    def in_order(self) -> Iterator[PairBatch]:
        """Yield every item once, with its first caption."""
        text_row = torch.from_numpy(self.first_text)
        for start, stop in starts(len(self.images), self.reading.batch):
            own = self.reading.share.shown(start, stop)
            rows = torch.arange(own.start, own.stop)
            yield self._batch(rows, text_row[own], self.reading.share.sizes(start, stop))

    def _batch(self, rows: Tensor, text_rows: Tensor, sizes: tuple[int, ...]) -> PairBatch:
        return PairBatch(self.images[rows], self.texts[text_rows], self.labels[rows].float(), rows, sizes)
