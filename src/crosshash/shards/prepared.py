"""Items of a part, made ready for the networks in a few threads, in order and without hoarding memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, overload

import numpy as np

from crosshash.protocols import Prepare
from crosshash.shards.item_files import Item
from crosshash.workers.threads import in_threads


@dataclass(frozen=True)
class PreparedItem:
    """One item as its networks read it; `texts` gives one array per caption, or the one text vector."""

    row: int
    id: str
    image: np.ndarray
    texts: Sequence[np.ndarray]
    labels: tuple[str, ...]


class Texts(Sequence[np.ndarray]):
    """Texts that are made ready when they are asked for: of several captions often one alone is read."""

    def __init__(self, raw: Sequence[Any] | np.ndarray, prepare: Prepare) -> None:
        self.raw, self.prepare = raw, prepare

    def __len__(self) -> int:
        return len(self.raw)

    @overload
    def __getitem__(self, place: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, place: slice) -> Texts: ...

    def __getitem__(self, place: int | slice) -> np.ndarray | Texts:
        if isinstance(place, slice):
            return Texts(self.raw[place], self.prepare)
        return self.prepare(self.raw[place])


ItemReader = Callable[[Item], PreparedItem]


def item_reader(prepare_image: Prepare, prepare_text: Prepare) -> ItemReader:
    """Make the function that decodes and tokenises an item of a shard."""

    def read(item: Item) -> PreparedItem:
        raw_texts = (item.text,) if item.text is not None else item.captions
        texts = Texts(raw_texts, prepare_text)
        return PreparedItem(item.row, item.id, prepare_image(item.image), texts, item.labels)

    return read


def prepared(items: Iterable[Item], read: ItemReader) -> Generator[PreparedItem, None, None]:
    """Read items in order, pictures in threads; to hand a vector to one takes longer than to read it."""
    items = iter(items)
    for first in items:
        these = chain([first], items)
        yield from in_threads(read, these) if isinstance(first.image, bytes) else map(read, these)
