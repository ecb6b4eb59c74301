"""DCMHT, differentiable cross-modal hashing: similar items come close in pairs of probabilities, others part.

Source: Differentiable Cross-modal Hashing via Multimodal Transformers, MM 2022, doi 10.1145/3503161.3548187.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from crosshash.losses.similarity import similar
from crosshash.models.heads import MlpHead, SelectingHead, quantisation
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, ParameterGroup, StepLoss, TrainingInputs, TrainingPairs

NEAREST = 1e-12  # squared distances below it have no gradient: that of the root has no bound there
COSINES = (0.1, 0.9)

Similarity = Literal["euclidean", "cosine"]


class Dcmht(nn.Module):
    """Two networks with a selecting head each, and losses on distances within and between the modalities."""

    phases: Sequence[str] = ("all",)
    training_only: Sequence[str] = ()

    def __init__(
        self,
        image: Tower,
        text: Tower,
        train_bits: int,
        similarity: Similarity,
        vartheta: float,
        quan_weight: float,
        head: Literal["attention", "mlp"],
    ) -> None:
        super().__init__()
        self.train_bits = train_bits
        self.similarity = similarity
        self.margin = math.sqrt(2 * train_bits * vartheta)
        self.quan_weight = quan_weight
        self.image = image.network
        self.text = text.network
        attention = head == "attention"
        self.image_head = (
            SelectingHead(image.dim, train_bits, "batch") if attention else MlpHead(image.dim, train_bits)
        )
        self.text_head = (
            SelectingHead(text.dim, train_bits, "layer") if attention else MlpHead(text.dim, train_bits)
        )

    def parameter_groups(self, phase: str) -> list[ParameterGroup]:
        """Give the encoders' parameters as `backbone`, the heads' as `head`."""
        return [
            ParameterGroup("image", "backbone", list(self.image.parameters())),
            ParameterGroup("image", "head", list(self.image_head.parameters())),
            ParameterGroup("text", "backbone", list(self.text.parameters())),
            ParameterGroup("text", "head", list(self.text_head.parameters())),
        ]

    def start_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Nothing to prepare: every batch is its own set of pairs."""

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """L = l(I, T) + l(I, I) + l(T, T) + quan_weight / 2 [Q(img) + Q(txt)]."""
        margins = (self.image_head(self.image(batch.image)), self.text_head(self.text(batch.text)))
        image, text = (torch.tanh(margin / 2) for margin in margins)
        shared = similar(batch.labels, batch.labels)
        with torch.autocast(image.device.type, enabled=False):  # distances are differences of large numbers
            parts = {
                "image_text": self._pairs(image, text, shared),
                "image_image": self._pairs(image, image, shared),
                "text_text": self._pairs(text, text, shared),
            }
        undecided = (quantisation(margins[0]) + quantisation(margins[1])) / 2
        total = torch.stack(list(parts.values())).sum() + self.quan_weight * undecided
        named = {**parts, "quantisation": undecided}
        return StepLoss(total, {name: part.detach() for name, part in named.items()})

    def end_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Nothing to refresh."""

    def encode_image(self, image: Tensor) -> Tensor:
        """Soft codes 2p - 1 in [-1, 1] of images."""
        return torch.tanh(self.image_head(self.image(image)) / 2)

    def encode_text(self, text: Tensor) -> Tensor:
        """Soft codes of texts."""
        return torch.tanh(self.text_head(self.text(text)) / 2)

    def _pairs(self, first: Tensor, second: Tensor, shared: Tensor) -> Tensor:
        if self.similarity == "cosine":
            return cosine_loss(first, second, shared)
        return distance_loss(first, second, shared, self.margin)


def distance_loss(first: Tensor, second: Tensor, shared: Tensor, margin: float) -> Tensor:
    """Compute l = mean_ij (s d)^2 + mean_ij ((1 - s)(m - min(d, m)))^2, d between pairs p.

    first: float[B, K], second: float[N, K] soft codes t = 2p - 1; shared: float[B, N] of 0 and 1. A bit's
    pair is ((1 - t) / 2, (1 + t) / 2), so that d^2 = ||t_i - t_j||^2 / 2.
    """
    squares = (first.square().sum(1)[:, None] + second.square().sum(1)[None]) / 2 - first @ second.T
    squares = squares.clamp(min=NEAREST)
    apart = (margin - squares.sqrt()).clamp(min=0).square()
    return (shared * squares + (1 - shared) * apart).mean()


def cosine_loss(first: Tensor, second: Tensor, shared: Tensor) -> Tensor:
    """Binary cross-entropy of the cosine of the pairs p, clipped to [0.1, 0.9], against s; mean over i, j.

    p_i . p_j = (K + t_i . t_j) / 2 and ||p||^2 = (K + ||t||^2) / 2. A pair beyond the bound that it should
    reach has no gradient; one beyond the other bound has that of the bound, which leads back.
    """
    bits = first.shape[1]
    lengths = (bits + first.square().sum(1)).sqrt()[:, None] * (bits + second.square().sum(1)).sqrt()[None]
    cosine = (bits + first @ second.T) / lengths
    clipped = cosine.detach().clamp(*COSINES)
    reached = torch.where(shared > 0, cosine > COSINES[1], cosine < COSINES[0])
    cosine = torch.where(reached, clipped, clipped + (cosine - cosine.detach()))
    return -(shared * cosine.log() + (1 - shared) * (1 - cosine).log()).mean()


def build(
    image: Tower,
    text: Tower,
    train_bits: int,
    inputs: TrainingInputs | None,
    similarity: Similarity,
    vartheta: float,
    quan_weight: float,
    head: Literal["attention", "mlp"],
) -> Dcmht:
    """Make the method; it needs nothing of the training set beforehand."""
    return Dcmht(image, text, train_bits, similarity, vartheta, quan_weight, head)
