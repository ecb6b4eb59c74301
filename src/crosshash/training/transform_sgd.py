"""The transform from long to short hash codes by gradient, as TwDH publishes it."""

from __future__ import annotations

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


def sgd_transform(
    long: CenterBook,
    short: CenterBook,
    labels: NDArray[np.generic],
    lr: float,
    epochs: int,
    batch: int,
    seed: int,
) -> Matrix:
    """Fit the transform on label sets [N, C] with at least one label: float32[2K, 2k].

    x = one-hot long target, y = softmax(x T) per pair, loss = BCE(y, short target) + 1 - mean((y0 - y1)^2)
    + 0.001 ||T||_1; at most `epochs` passes, and the end as soon as every class centre is mapped exactly
    (doi 10.1109/TMM.2024.3381828). Each distinct label set stands once per pass.
    """
    sets = np.unique(np.asarray(labels) != 0, axis=0)
    inputs, wanted = _halves(long.targets(sets)), _halves(short.targets(sets))
    rng = stream(seed, "transform", "order")
    generator = torch.Generator().manual_seed(stream_seed(seed, "transform", "start"))
    matrix = torch.empty(2 * long.bits, 2 * short.bits).uniform_(-1, 1, generator=generator).requires_grad_()
    optimizer = torch.optim.AdamW([matrix], lr=lr, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.2)
    steps = epochs * -(-len(sets) // batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warmup_cosine(step / steps))
    for _ in range(epochs):
        for rows in torch.from_numpy(rng.permutation(len(sets))).split(batch):
            loss = _loss(inputs[rows] @ matrix, wanted[rows]) + SPARSITY * matrix.abs().sum()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(matrix, 1.0)
            optimizer.step()
            schedule.step()
        found = matrix.detach().numpy()
        if (apply_transform(long.centers, found) == short.centers).all():
            break
    return matrix.detach().numpy()

def _warmup_cosine(x):
    return x/0.1 if x<0.1 else 0.5*(1+np.cos(np.pi*x))


def _halves(codes: NDArray[np.int8]) -> Tensor:
    """Write codes [B, K] of +-1 as one-hot pairs float32[B, 2K], all negative halves first."""
    return torch.from_numpy(np.concatenate([codes < 0, codes > 0], axis=1)).float()


def _loss(score: Tensor, wanted: Tensor) -> Tensor:
    """Binary cross-entropy of the pairwise softmax, and the push of every pair away from one half."""
    pairs = score.unflatten(1, (2, -1))
    likelihood = pairs.softmax(dim=1)
    away = 1 - (likelihood[:, 0] - likelihood[:, 1]).square().mean()
    return F.binary_cross_entropy(likelihood.flatten(1), wanted) + away
