from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import pytest
import torch

from crosshash.protocols import PairBatch
from crosshash.training.prefetch import AHEAD, Prefetched, prefetched
from tests.training.cases import batches


def test_the_cpu_reads_nothing_ahead() -> None:
    own = batches()
    assert prefetched(own, torch.device("cpu")) is own
    assert isinstance(prefetched(own, torch.device("cuda")), Prefetched)


@pytest.mark.parametrize("way", ["epoch", "in_order"])
def test_batches_that_are_read_ahead_are_the_same_in_the_same_order(way: str) -> None:
    own = batches(30)
    ahead = Prefetched(own)
    expected, found = (list(one.epoch(1) if way == "epoch" else one.in_order()) for one in (own, ahead))
    assert len(ahead) == len(own) == len(found)
    for a, b in zip(expected, found, strict=True):
        for field in fields(PairBatch):
            first, second = getattr(a, field.name), getattr(b, field.name)
            assert torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second


class Counted:
    """Batches of an endless epoch, counted when they are drawn."""

    drawn = 0

    def __len__(self) -> int:
        return 1000

    def epoch(self, epoch: int) -> Iterator[PairBatch]:
        batch = next(batches().in_order())
        for _ in range(1000):
            self.drawn += 1
            yield batch

    def in_order(self) -> Iterator[PairBatch]:
        return self.epoch(1)


def test_few_batches_lie_ready() -> None:
    """Those in pinned memory are no set of their own."""
    source = Counted()
    found = Prefetched(source).epoch(1)
    for _ in range(10):
        next(found)
    found.close()  # type: ignore[attr-defined]
    assert 10 <= source.drawn <= 10 + AHEAD


class Broken(Counted):
    """Batches that end with an error."""

    def epoch(self, epoch: int) -> Iterator[PairBatch]:
        yield next(batches().in_order())
        raise OSError("gone")


def test_an_error_of_the_reader_reaches_the_loop() -> None:
    with pytest.raises(OSError, match="gone"):
        list(Prefetched(Broken()).epoch(1))
