"""Items of a part, made ready for the networks in a few threads, in order and without hoarding memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from crosshash.data.shards import Item
from crosshash.protocols import Prepare

THREADS = 4
LOOKAHEAD = 256

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class PreparedItem:
    """One item as its networks read it; `texts` holds one array per caption, or the one text vector."""

    row: int
    id: str
    image: np.ndarray
    texts: tuple[np.ndarray, ...]
    labels: tuple[str, ...]


def prepared(
    items: Iterable[Item], prepare_image: Prepare, prepare_text: Prepare
) -> Generator[PreparedItem, None, None]:
    """Decode and tokenise items in threads; the order stays."""

    def prepare(item: Item) -> PreparedItem:
        raw_texts = (item.text,) if item.text is not None else item.captions
        texts = tuple(prepare_text(raw) for raw in raw_texts)
        return PreparedItem(item.row, item.id, prepare_image(item.image), texts, item.labels)

    return in_threads(prepare, items)


def in_threads(function: Callable[[A], B], values: Iterable[A]) -> Generator[B, None, None]:
    """Map in threads (decoders release the interpreter), keeping order, at most LOOKAHEAD results waiting."""
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Future[B]] = deque()
        for value in values:
            waiting.append(pool.submit(function, value))
            if len(waiting) >= LOOKAHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
