"""Training pairs as tensors: small sets decoded once and kept in memory, large ones streamed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from crosshash.pairs.labels import label_matrix
from crosshash.protocols import Batches, PairBatch, Share
from crosshash.seeding import stream
from crosshash.shards.item_files import Item
from crosshash.shards.prepared import ItemReader, PreparedItem, prepared
from crosshash.shards.tar_files import read_items, read_shard, shard_names

MIXED_BATCHES = (
    32  # a streamed epoch mixes its items in a buffer of this many batches, besides mixing the shards
)
LEAST = 1 << 24  # bytes of images that are mixed whatever the limit

Caption = Literal["random", "first"]


@dataclass(frozen=True)
class Reading:
    """How a part's items become batches; share: the part of each that this process takes."""

    classes: tuple[str, ...]
    read: ItemReader
    batch: int
    seed: int
    caption: Caption
    share: Share = Share()  # noqa: RUF009 - frozen


def open_batches(folder: Path, part: str, count: int, reading: Reading, memory_mb: float) -> Batches:
    """Choose between memory and streaming by what the decoded part would take."""
    limit = memory_mb * 1e6
    items = prepared(read_items(folder, part), reading.read)
    found = _gathered(items, count, reading, limit)
    items.close()
    return StreamedBatches(folder, part, count, reading, limit) if found is None else found


def starts(count: int, batch: int) -> list[tuple[int, int]]:
    """Cut `count` items into batches; a single leftover joins the batch before: BatchNorm needs two."""
    edges = [*range(0, count, batch), count]
    if count > batch and count % batch == 1:
        del edges[-2]
    return list(pairwise(edges))


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


class StreamedBatches:
    """Shards in an order drawn per epoch, items mixed in a buffer: memory does not grow with the set."""

    def __init__(
        self, folder: Path, part: str, count: int, reading: Reading, limit: float = math.inf
    ) -> None:
        """limit: bytes of images that the buffer may hold; LEAST it may always."""
        self.limit = max(limit, LEAST)
        self.folder = folder
        self.part = part
        self.count = count
        self.reading = reading
        self.shards = shard_names(folder, part)
        self.first_row = np.concatenate([[0], np.cumsum([count for _, count in self.shards])[:-1]])

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(starts(self.count, self.reading.batch))

    def epoch(self, epoch: int) -> Iterator[PairBatch]:
        """Yield the batches of an epoch, each item once."""
        share = self.reading.share
        random = stream(self.reading.seed, "order", epoch)
        shards = random.permutation(len(self.shards))
        if share.ranks > 1:
            random = stream(self.reading.seed, "order", epoch, share.rank)
        mixed = self._mixed(self._dealt(shards), random)
        chosen: list[tuple[int, PreparedItem]] = []
        for start, stop in starts(self.count, self.reading.batch):
            first, last = share.of(start, stop)
            # Where the last batch has nothing left for this process, the item before stands in.
            chosen = [next(mixed) for _ in range(first, last)] or chosen[-1:]
            pick = random.random(len(chosen)) if self.reading.caption == "random" else np.zeros(len(chosen))
            yield self._batch(chosen, pick, share.sizes(start, stop))

    def in_order(self) -> Iterator[PairBatch]:
        """Yield every item once, with its first caption."""
        share, edges = self.reading.share, starts(self.count, self.reading.batch)
        places = [share.shown(start, stop) for start, stop in edges]
        items = prepared(_some(read_items(self.folder, self.part), places), self.reading.read)
        for (start, stop), own in zip(edges, places, strict=True):
            rows = range(own.start, own.stop)
            chosen = list(zip(rows, islice(items, len(rows)), strict=True))
            yield self._batch(chosen, np.zeros(len(chosen)), share.sizes(start, stop))

    def _dealt(self, shards: np.ndarray) -> Iterator[tuple[int, PreparedItem]]:
        """Items with their row in the training set: this process's stretch of the shards in this order.

        It is as long as its parts of all batches together; a shard in which one ends and the next begins is
        read by two processes.
        """
        first, last = self._stretch()
        begin = 0
        for shard in shards:
            name, count = self.shards[shard]
            skipped, stop = max(first - begin, 0), last - begin
            begin += count
            if skipped < min(stop, count):
                # A shard that is read to its end is also counted.
                items = islice(read_shard(self.folder, name), skipped, stop if stop < count else None)
                yield from enumerate(
                    prepared(items, self.reading.read), start=int(self.first_row[shard]) + skipped
                )

    def _stretch(self) -> tuple[int, int]:
        share = self.reading.share
        if share.ranks == 1:
            return 0, self.count
        sizes = [share.sizes(start, stop) for start, stop in starts(self.count, self.reading.batch)]
        ends = np.cumsum(np.sum(sizes, axis=0))
        return int(ends[share.rank - 1]) if share.rank else 0, int(ends[share.rank])

    def _mixed(
        self, items: Iterator[tuple[int, PreparedItem]], random: np.random.Generator
    ) -> Iterator[tuple[int, PreparedItem]]:
        """Items swapped through a buffer; texts wait as they are."""
        buffer: list[tuple[int, PreparedItem]] = []
        capacity, held = MIXED_BATCHES * self.reading.batch // self.reading.share.ranks, 0
        for row, item in items:
            if len(buffer) < capacity and held + item.image.nbytes <= self.limit:
                held += item.image.nbytes
                buffer.append((row, item))
                continue
            place = int(random.integers(len(buffer)))
            buffer[place], leaving = (row, item), buffer[place]
            yield leaving
        for place in random.permutation(len(buffer)):
            yield buffer[place]

    def _batch(
        self, chosen: list[tuple[int, PreparedItem]], pick: np.ndarray, sizes: tuple[int, ...]
    ) -> PairBatch:
        """Stack items; `pick` in [0, 1) chooses the caption of each."""
        items = [item for _, item in chosen]
        texts = [item.texts[int(share * len(item.texts))] for item, share in zip(items, pick, strict=True)]
        return PairBatch(
            torch.from_numpy(np.stack([item.image for item in items])),
            torch.from_numpy(np.stack(texts)),
            torch.from_numpy(label_matrix([item.labels for item in items], self.reading.classes)).float(),
            torch.tensor([row for row, _ in chosen]),
            sizes,
        )


def _some(items: Iterator[Item], places: Sequence[slice]) -> Iterator[Item]:
    """Give the items at some places, which come in order; all items are read."""
    numbered = enumerate(items)
    for place in places:
        for number, item in numbered:
            if number >= place.start:
                yield item
            if number + 1 == place.stop:
                break
    for _ in numbered:  # a shard that is read to its end is also counted
        pass
