"""The transform from long to short hash codes by gradient, as TwDH publishes it."""

from __future__ import annotations

from math import cos, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from crosshash.codes.center_book import CenterBook
from crosshash.codes.transform import Matrix, apply_transform
from crosshash.seeding import stream, stream_seed

SPARSITY = 0.001
"""Weight of the sum of absolute entries."""
WARMUP = 0.1
"""Share of the steps with a rising learning rate."""
MOST_SETS = 2000
"""Label sets that are learnt from, the most frequent ones."""


def sgd_transform(
    long: CenterBook,
    short: CenterBook,
    labels: NDArray[np.generic],
    lr: float,
    epochs: int,
    batch: int,
    seed: int,
) -> Matrix:
    """Fit the transform by gradient on label sets [N, C] with at least one label each: float32[2K, 2k].

    x = one-hot long target, y = softmax(x T) per pair, loss = BCE(y, short target) + 1 - mean((y0 - y1)^2)
    + 0.001 ||T||_1; at most `epochs` passes, and the end as soon as every class centre is mapped exactly
    (doi 10.1109/TMM.2024.3381828). Start, decay, warm-up and cosine are those of the paper's networks.
    Targets depend on labels alone, so each distinct label set stands once per pass instead of once per item.
    """
    sets = frequent_sets(labels)
    inputs, wanted = _halves(long.targets(sets)), _halves(short.targets(sets))
    rng = stream(seed, "transform", "order")
    generator = torch.Generator().manual_seed(stream_seed(seed, "transform", "start"))
    matrix = torch.empty(2 * long.bits, 2 * short.bits).uniform_(-1, 1, generator=generator).requires_grad_()
    optimizer = torch.optim.AdamW([matrix], lr=lr, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.2)
    steps = epochs * -(-len(sets) // batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmup_cosine(step / steps))
    for _ in range(epochs):
        order = torch.from_numpy(rng.permutation(len(sets)))
        for start in range(0, len(sets), batch):
            rows = order[start : start + batch]
            loss = transform_loss(inputs[rows] @ matrix, wanted[rows]) + SPARSITY * matrix.abs().sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(matrix, 1.0)
            optimizer.step()
            schedule.step()
        found: Matrix = matrix.detach().numpy()
        if (apply_transform(long.centers, found) == short.centers).all():
            break
    return found


def frequent_sets(labels: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Give the distinct label sets of labels [N, C], the `MOST_SETS` most frequent first: bool[S, C]."""
    sets, counts = np.unique(np.asarray(labels) != 0, axis=0, return_counts=True)
    most: NDArray[np.bool_] = sets[np.argsort(-counts, kind="stable")[:MOST_SETS]]
    return most


def warmup_cosine(progress: float) -> float:
    """Give the learning rate's factor at this share of the steps: a linear rise, then a cosine to zero."""
    return progress / WARMUP if progress < WARMUP else 0.5 * (1 + cos(pi * progress))


def transform_loss(score: Tensor, wanted: Tensor) -> Tensor:
    """Compare scores of pairs [B, 2k] with one-hot pairs: cross-entropy plus 1 - mean((y0 - y1)^2)."""
    likelihood = score.view(len(score), 2, -1).softmax(dim=1)
    away = 1 - (likelihood[:, 0] - likelihood[:, 1]).square().mean()
    return F.binary_cross_entropy(likelihood.flatten(1), wanted) + away


def _halves(codes: NDArray[np.int8]) -> Tensor:
    """Write codes [B, K] of +-1 as one-hot pairs float32[B, 2K], negative halves first."""
    return torch.from_numpy(np.concatenate([codes < 0, codes > 0], axis=1)).float()
