from __future__ import annotations

import torch

from crosshash.models.method import Method
from crosshash.protocols import Batches, PairBatch
from tests.methods.cases import method
from tests.training.cases import batches


def test_a_batch_moves_as_a_whole() -> None:
    pairs = PairBatch(torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(2, 5), torch.arange(2))
    moved = pairs.to(torch.device("meta"))
    for name in ("image", "text", "labels", "index"):
        before, after = getattr(pairs, name), getattr(moved, name)
        assert (after.device.type, after.shape, after.dtype) == ("meta", before.shape, before.dtype)


def test_the_parts_have_the_shape_that_the_loop_expects() -> None:
    """mypy compares the signatures of these two lines; here they only have to run."""
    one: Method = method()
    pairs: Batches = batches(9, batch=4)
    assert list(one.phases) == ["all"]
    assert len(pairs) == len(list(pairs.epoch(1))) == 2
