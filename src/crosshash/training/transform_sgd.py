"""The transform from long to short hash codes by gradient, as TwDH publishes it.

Shapes: B label sets of a step, S of all, C classes, K bits of the long code, k of the short one, P the two
halves of a pair.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from crosshash.centers.center_book import CenterBook
from crosshash.centers.label_sets import label_sets
from crosshash.centers.transform import Matrix, apply_transform
from crosshash.seeding import stream, stream_seed
from crosshash.training.schedule import rate_factor

SPARSITY = 0.001
"""Weight of the sum of absolute entries."""
WARMUP = 0.1
"""Share of the steps with a rising learning rate."""
BETAS, EPSILON, DECAY = (0.9, 0.98), 1e-6, 0.2
"""Of Adam."""
MOST_SETS = 1000
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
    """Fit the transform by gradient on labels [N, C], at least one per item: float32[2K, 2k].

    x = one-hot long target, y = softmax(x T) per pair, loss = BCE(y, short target) + 1 - mean((y0 - y1)^2)
    + 0.001 ||T||_1; at most `epochs` passes, and the end as soon as every class centre is mapped exactly
    (doi 10.1109/TMM.2024.3381828). Start, optimiser, warm-up and cosine are those of the released code.
    Targets depend on labels alone, so each distinct label set stands once per pass instead of once per item.
    """
    threads = torch.get_num_threads()
    # The matrices are small: a second thread costs more than it brings, and could change the last digits.
    torch.set_num_threads(1)
    try:
        return _fitted(long, short, frequent_sets(labels), lr, epochs, batch, seed)
    finally:
        torch.set_num_threads(threads)


def _fitted(
    long: CenterBook,
    short: CenterBook,
    sets: NDArray[np.bool_],
    lr: float,
    epochs: int,
    batch: int,
    seed: int,
) -> Matrix:
    """Learn from label sets bool[S, C]."""
    inputs_S2K, wanted_S2k = _halves(long.targets(sets)), _halves(short.targets(sets))
    rng = stream(seed, "transform", "order")
    generator = torch.Generator().manual_seed(stream_seed(seed, "transform", "start"))
    matrix = torch.empty(2 * long.bits, 2 * short.bits).uniform_(-1, 1, generator=generator).requires_grad_()
    steps = epochs * -(-len(sets) // batch)
    moments = (torch.zeros_like(matrix), torch.zeros_like(matrix))
    step = 0
    for _ in range(epochs):
        order = torch.from_numpy(rng.permutation(len(sets)))
        for start in range(0, len(sets), batch):
            rows = order[start : start + batch]
            loss = transform_loss(inputs_S2K[rows] @ matrix, wanted_S2k[rows]) + SPARSITY * matrix.abs().sum()
            (gradient,) = torch.autograd.grad(loss, matrix)
            rate = lr * rate_factor(step, steps, WARMUP, from_zero=True)
            adam_step(matrix.detach(), gradient, moments, rate)
            step += 1
        found: Matrix = matrix.detach().numpy()
        if (apply_transform(long.centers, found) == short.centers).all():
            break
    return found


def frequent_sets(labels: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Give the distinct label sets of labels [N, C], the `MOST_SETS` most frequent first: bool[S, C]."""
    sets, counts = label_sets(labels)
    most: NDArray[np.bool_] = sets[np.argsort(-counts, kind="stable")[:MOST_SETS]]
    return most


def adam_step(matrix: Tensor, gradient: Tensor, moments: tuple[Tensor, Tensor], lr: float) -> None:
    """Change `matrix` and `moments` in place: Adam without bias correction, decay, gradient cut to norm 1.

    Written out, as torch.optim has the correction and takes seconds to load.
    """
    gradient = gradient / gradient.norm().clamp(min=1.0)
    first, second = moments
    first.lerp_(gradient, 1 - BETAS[0])
    second.lerp_(gradient.square(), 1 - BETAS[1])
    matrix -= lr * (first / (second.sqrt() + EPSILON) + DECAY * matrix)


def transform_loss(score_B2k: Tensor, wanted_B2k: Tensor) -> Tensor:
    """Compare scores of pairs with one-hot pairs: cross-entropy plus 1 - mean((y0 - y1)^2)."""
    likelihood_BPk = score_B2k.view(len(score_B2k), 2, -1).softmax(dim=1)
    away = 1 - (likelihood_BPk[:, 0] - likelihood_BPk[:, 1]).square().mean()
    return F.binary_cross_entropy(likelihood_BPk.flatten(1), wanted_B2k) + away


def _halves(codes_BK: NDArray[np.int8]) -> Tensor:
    """Write codes of +-1 as one-hot pairs float32[B, 2K], negative halves first."""
    return torch.from_numpy(np.concatenate([codes_BK < 0, codes_BK > 0], axis=1)).float()
