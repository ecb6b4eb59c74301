"""DJSRH, deep joint-semantics reconstructing hashing: codes rebuild how alike items' features are. No labels.

Source: Deep Joint-Semantics Reconstructing Hashing for Large-Scale Unsupervised Cross-Modal Retrieval,
ICCV 2019.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from crosshash.models.frozen import Frozen
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, ParameterGroup, StepLoss, TrainingInputs, TrainingPairs

ALIKE = 0.9
"""Mean affinity, of 1, above which a target says little more than that all items are alike."""

log = logging.getLogger(__name__)


class Djsrh(nn.Module):
    """Two networks with a linear hash layer each; the target of a batch is its joint-semantics affinity."""

    phases: Sequence[str] = ("all",)
    training_only: Sequence[str] = ("frozen_image.", "frozen_text.")

    def __init__(
        self,
        image: Tower,
        text: Tower,
        train_bits: int,
        beta: float,
        eta: float,
        mu: float,
        lambda1: float,
        lambda2: float,
        alpha: Literal["growing", "fixed"],
    ) -> None:
        super().__init__()
        self.train_bits = train_bits
        self.beta = beta
        self.eta = eta
        self.mu = mu
        self.lambda1 = lambda1
        self.lambda2 = lambda2
        self.alpha = alpha
        self.steepness = 1.0
        self.image = image.network
        self.text = text.network
        self.image_head = nn.Linear(image.dim, train_bits)
        self.text_head = nn.Linear(text.dim, train_bits)

    def freeze_features(self) -> None:
        """Keep both encoders as they are now: their features say how alike items are, in every epoch."""
        self.frozen_image = Frozen(self.image)
        self.frozen_text = Frozen(self.text)

    def parameter_groups(self, phase: str) -> list[ParameterGroup]:
        """Give the encoders' parameters as `backbone`, the hash layers' as `head`."""
        return [
            ParameterGroup("image", "backbone", list(self.image.parameters())),
            ParameterGroup("image", "head", list(self.image_head.parameters())),
            ParameterGroup("text", "backbone", list(self.text.parameters())),
            ParameterGroup("text", "head", list(self.text_head.parameters())),
        ]

    def start_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Code = tanh(a h) with a = sqrt(epoch), epochs counted from 1: steeper from epoch to epoch.

        Before the first epoch, warn where the features cannot tell items apart.
        """
        if epoch == 1:
            self._look_at_features(next(iter(pairs())))
        self.steepness = math.sqrt(epoch) if self.alpha == "growing" else 1.0

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """L = l1 |B_I B_I' - S|^2 + |B_I B_T' - S|^2 + l2 |B_T B_T' - S|^2, means over all pairs."""
        image = self._code(self.image_head(self.image(batch.image)))
        text = self._code(self.text_head(self.text(batch.text)))
        with torch.autocast(image.device.type, enabled=False):
            features = self.frozen_image(batch.image), self.frozen_text(batch.text)
            target = joint_affinity(*features, self.beta, self.eta, self.mu)
            parts = {
                "image_image": _rebuilt(image, image, target),
                "image_text": _rebuilt(image, text, target),
                "text_text": _rebuilt(text, text, target),
            }
        total = self.lambda1 * parts["image_image"] + parts["image_text"] + self.lambda2 * parts["text_text"]
        return StepLoss(total, {name: part.detach() for name, part in parts.items()})

    def end_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Nothing to refresh."""

    def encode_image(self, image: Tensor) -> Tensor:
        """Soft codes in [-1, 1] of images."""
        return torch.tanh(self.image_head(self.image(image)))

    def encode_text(self, text: Tensor) -> Tensor:
        """Soft codes of texts."""
        return torch.tanh(self.text_head(self.text(text)))

    def _look_at_features(self, batch: PairBatch) -> None:
        features = self.frozen_image(batch.image), self.frozen_text(batch.text)
        mean = float(joint_affinity(*features, self.beta, 0.0, 1.0).mean())
        if mean > ALIKE:
            log.warning(
                "djsrh: the features of the networks as they are now are alike for all items (mean affinity "
                "%.2f of 1), and so will the codes be. Use published weights (model.pretrained) or vectors.",
                mean,
            )

    def _code(self, activation: Tensor) -> Tensor:
        return nn.functional.normalize(torch.tanh(self.steepness * activation.float()))


def joint_affinity(image: Tensor, text: Tensor, beta: float, eta: float, mu: float) -> Tensor:
    """S = mu [(1 - eta) S~ + eta S~ S~' / n], S~ = beta (2 F_I F_I' - 1) + (1 - beta) (2 F_T F_T' - 1).

    image: float[n, F], text: float[n, E], rows of length 1; gives float[n, n]. n is the size of the batch.
    """
    mixed = beta * (2 * image @ image.T - 1) + (1 - beta) * (2 * text @ text.T - 1)
    return mu * ((1 - eta) * mixed + eta * mixed @ mixed.T / len(mixed))


def _rebuilt(first: Tensor, second: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of the cosines of codes against the affinity."""
    return (first @ second.T - target).square().mean()


def build(
    image: Tower,
    text: Tower,
    train_bits: int,
    inputs: TrainingInputs | None,
    beta: float,
    eta: float,
    mu: float,
    lambda1: float,
    lambda2: float,
    alpha: Literal["growing", "fixed"],
) -> Djsrh:
    """Make the method; for training (with `inputs`, of which it reads nothing) with frozen features."""
    method = Djsrh(image, text, train_bits, beta, eta, mu, lambda1, lambda2, alpha)
    if inputs is not None:
        method.freeze_features()
    return method
