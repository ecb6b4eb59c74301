"""Batches made ready for a GPU while it is at work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from crosshash.protocols import Batches, PairBatch
from crosshash.workers.threads import in_threads

AHEAD = 3  # batches in pinned memory, from which they are copied while the GPU computes


def prefetched(batches: Batches, device: torch.device) -> Batches:
    """Read ahead in a thread where the networks run on CUDA; on the CPU both would want the same cores."""
    return Prefetched(batches) if device.type == "cuda" else batches


@dataclass(frozen=True)
class Prefetched:
    """Batches read ahead, in pinned memory where there is a GPU."""

    inner: Batches

    def __len__(self) -> int:
        return len(self.inner)

    def epoch(self, epoch: int) -> Iterator[PairBatch]:
        """Yield the batches of an epoch."""
        return _ahead(self.inner.epoch(epoch), len(self))

    def in_order(self) -> Iterator[PairBatch]:
        """Yield every item once in the order of the split."""
        return _ahead(self.inner.in_order(), len(self))


def _ahead(batches: Iterator[PairBatch], count: int) -> Iterator[PairBatch]:
    pin = torch.cuda.is_available()

    def ready(_: int) -> PairBatch:
        batch = next(batches)
        return batch.pinned() if pin else batch

    return in_threads(ready, range(count), threads=1, lookahead=AHEAD)
