"""How the items of a part become batches, for sets in memory and for streamed ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from crosshash.protocols import Share
from crosshash.shards.prepared import ItemReader

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


def starts(count: int, batch: int) -> list[tuple[int, int]]:
    """Cut `count` items into batches; a single leftover joins the batch before: BatchNorm needs two."""
    edges = [*range(0, count, batch), count]
    if count > batch and count % batch == 1:
        del edges[-2]
    return list(pairwise(edges))
