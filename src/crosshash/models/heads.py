"""The heads that TwDH and DCMHT share: an embedding chooses each bit from a pair of outputs.

Shapes: B items, D numbers of an embedding, K bits.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn


class SelectingHead(nn.Module):
    """float[B, D] -> float[B, K]: by how much each bit prefers + to -.

    As published: self-attention over the embedding as a single token, BatchNorm (image) or LayerNorm (text),
    Linear D -> 2K, ReLU, softmax over each of the K pairs. Over one token attention's own softmax is 1
    whatever the query and key, so that what is left of it are the value and output projections; the others
    would never get a gradient. The pair (p_neg, p_pos) of a bit with margin d is (sigmoid(-d), sigmoid(d)).
    Source: TwDH, doi 10.1109/TMM.2024.3381828, and DCMHT, doi 10.1145/3503161.3548187.
    """

    def __init__(self, dim: int, bits: int, norm: Literal["batch", "layer"]) -> None:
        super().__init__()
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)
        self.norm = nn.BatchNorm1d(dim) if norm == "batch" else nn.LayerNorm(dim)
        self.pairs = nn.Linear(dim, 2 * bits)

    def forward(self, embedding_BD: Tensor) -> Tensor:
        """Give the margins, in float32 whatever the precision of the layers."""
        return margins(torch.relu(self.pairs(self.norm(self.out(self.value(embedding_BD))))).float())


class MlpHead(nn.Module):
    """float[B, D] -> float[B, K], margins of the pairs: D -> 128 -> ReLU -> 2K, as in the first DCMHT."""

    WIDTH = 128

    def __init__(self, dim: int, bits: int) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, self.WIDTH)
        self.pairs = nn.Linear(self.WIDTH, 2 * bits)

    def forward(self, embedding_BD: Tensor) -> Tensor:
        """Give the margins, in float32 whatever the precision of the layers."""
        return margins(self.pairs(torch.relu(self.inner(embedding_BD))).float())


def margins(pairs_B2K: Tensor) -> Tensor:
    """Take the negative half of the pairs from the positive one: float[B, K]."""
    bits = pairs_B2K.shape[1] // 2
    return pairs_B2K[:, bits:] - pairs_B2K[:, :bits]


def soft_code(margin_BK: Tensor) -> Tensor:
    """Soft codes 2p - 1 = tanh(d / 2) in [-1, 1] of the margins d."""
    return torch.tanh(margin_BK / 2)


def pair_entropy(margin_BK: Tensor, target_BK: Tensor) -> Tensor:
    """Binary cross-entropy of the pairs against +-1 targets, mean over items and bits.

    Both halves of a pair give the same term, so that the published mean over 2K outputs is the mean over K
    of -log sigmoid(t d), written as softplus, which cannot overflow.
    """
    return nn.functional.softplus(-margin_BK * target_BK).mean()


def quantisation(margin_BK: Tensor) -> Tensor:
    """Q(p) = 1 - mean((2p - 1)^2), 2p - 1 = +-tanh(d / 2): 0 when every bit is decided, 1 when none is."""
    return 1 - soft_code(margin_BK).square().mean()
