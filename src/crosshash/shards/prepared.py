"""Items of a part, made ready for the networks in a few threads, in order and without hoarding memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

import numpy as np

from crosshash.protocols import Prepare
from crosshash.shards.item_files import Item
from crosshash.workers.threads import in_threads


@dataclass(frozen=True)
class PreparedItem:
    """One item as its networks read it; `texts` holds one array per caption, or the one text vector."""

    row: int
    id: str
    image: np.ndarray
    texts: tuple[np.ndarray, ...]
    labels: tuple[str, ...]


ItemReader = Callable[[Item], PreparedItem]


def item_reader(prepare_image: Prepare, prepare_text: Prepare) -> ItemReader:
    """Make the function that decodes and tokenises an item of a shard."""

    def read(item: Item) -> PreparedItem:
        raw_texts = (item.text,) if item.text is not None else item.captions
        texts = tuple(prepare_text(raw) for raw in raw_texts)
        return PreparedItem(item.row, item.id, prepare_image(item.image), texts, item.labels)

    return read


def prepared(items: Iterable[Item], read: ItemReader) -> Generator[PreparedItem, None, None]:
    """Read items in threads; the order stays."""
    return in_threads(read, items)
