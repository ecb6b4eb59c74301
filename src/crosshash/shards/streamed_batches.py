"""Training pairs of a set too large for memory, read from its shards batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from crosshash.pairs.labels import label_matrix
from crosshash.protocols import PairBatch
from crosshash.seeding import stream
from crosshash.shards.item_files import Item
from crosshash.shards.prepared import PreparedItem, prepared
from crosshash.shards.reading import Reading, starts
from crosshash.shards.tar_files import read_items, read_shard, shard_names

MIXED_BATCHES = (
    32  # a streamed epoch mixes its items in a buffer of this many batches, besides mixing the shards
)
LEAST = 1 << 24  # bytes of images that are mixed whatever the limit


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
