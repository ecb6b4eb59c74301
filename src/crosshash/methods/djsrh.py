"""DJSRH, deep joint-semantics reconstructing hashing: codes rebuild how alike items' features are. No labels.

Source: Deep Joint-Semantics Reconstructing Hashing for Large-Scale Unsupervised Cross-Modal Retrieval,
ICCV 2019.
Shapes: B items of a batch, K bits, D numbers of an image's features, E of a text's.
"""

from __future__ import annotations

import logging
import math
from typing import Literal

import torch
from torch import Tensor, nn

from crosshash.models.frozen import Frozen
from crosshash.models.method import TwoTowerMethod
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, StepLoss, TrainingInputs, TrainingPairs

ALIKE = 0.9
"""Mean affinity, of 1, above which a target says little more than that all items are alike."""

log = logging.getLogger(__name__)


class Djsrh(TwoTowerMethod):
    """Two networks with a linear hash layer each; the target of a batch is its joint-semantics affinity.

    For training (with `inputs`, of which it reads nothing) it keeps both encoders' features as they are.
    """

    training_only = ("frozen_image.", "frozen_text.")

    def __init__(
        self,
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
    ) -> None:
        heads = nn.Linear(image.dim, train_bits), nn.Linear(text.dim, train_bits)
        super().__init__(image, text, train_bits, heads)
        self.beta = beta
        self.eta = eta
        self.mu = mu
        self.lambda1 = lambda1
        self.lambda2 = lambda2
        self.alpha = alpha
        self.steepness = 1.0
        if inputs is not None:
            self.freeze_features()

    def freeze_features(self) -> None:
        """Keep both encoders as they are now: their features say how alike items are, in every epoch."""
        self.frozen_image = Frozen(self.image)
        self.frozen_text = Frozen(self.text)

    def start_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Code = tanh(a h) with a = sqrt(epoch), epochs counted from 1: steeper from epoch to epoch.

        Before the first epoch, warn where the features cannot tell items apart.
        """
        if epoch == 1:
            self._look_at_features(next(iter(pairs())))
        self.steepness = math.sqrt(epoch) if self.alpha == "growing" else 1.0

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """L = l1 |B_I B_I' - S|^2 + |B_I B_T' - S|^2 + l2 |B_T B_T' - S|^2, means over all pairs."""
        image_BK, text_BK = map(self._code, self.outputs(batch))
        with torch.autocast(image_BK.device.type, enabled=False):
            target_BB = self._affinity(batch, self.eta, self.mu)
            parts = {
                "image_image": _rebuilt(image_BK, image_BK, target_BB),
                "image_text": _rebuilt(image_BK, text_BK, target_BB),
                "text_text": _rebuilt(text_BK, text_BK, target_BB),
            }
        total = self.lambda1 * parts["image_image"] + parts["image_text"] + self.lambda2 * parts["text_text"]
        return StepLoss(total, {name: part.detach() for name, part in parts.items()})

    def soft_code(self, output: Tensor) -> Tensor:
        """Soft codes in [-1, 1] of what the hash layer gives."""
        return torch.tanh(output)

    def _look_at_features(self, batch: PairBatch) -> None:
        mean = float(self._affinity(batch, 0.0, 1.0).mean())
        if mean > ALIKE:
            log.warning(
                "djsrh: the features of the networks as they are now are alike for all items (mean affinity "
                "%.2f of 1), and so will the codes be. Use published weights (model.pretrained) or vectors.",
                mean,
            )

    def _affinity(self, batch: PairBatch, eta: float, mu: float) -> Tensor:
        image_BD, text_BE = self.frozen_image(batch.image), self.frozen_text(batch.text)
        return joint_affinity(image_BD, text_BE, self.beta, eta, mu)

    def _code(self, output_BK: Tensor) -> Tensor:
        return nn.functional.normalize(torch.tanh(self.steepness * output_BK.float()))


build = Djsrh


def joint_affinity(image_BD: Tensor, text_BE: Tensor, beta: float, eta: float, mu: float) -> Tensor:
    """S = mu [(1 - eta) S~ + eta S~ S~' / n], S~ = beta (2 F_I F_I' - 1) + (1 - beta) (2 F_T F_T' - 1).

    Rows of length 1; gives float[B, B]. n is the size of the batch.
    """
    mixed_BB = beta * (2 * image_BD @ image_BD.T - 1) + (1 - beta) * (2 * text_BE @ text_BE.T - 1)
    return mu * ((1 - eta) * mixed_BB + eta * mixed_BB @ mixed_BB.T / len(mixed_BB))


def _rebuilt(first_BK: Tensor, second_BK: Tensor, target_BB: Tensor) -> Tensor:
    """Mean squared error of the cosines of codes against the affinity."""
    return (first_BK @ second_BK.T - target_BB).square().mean()
