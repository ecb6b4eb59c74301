"""DCMHT, differentiable cross-modal hashing: similar items come close in pairs of probabilities, others part.

Source: Differentiable Cross-modal Hashing via Multimodal Transformers, MM 2022, doi 10.1145/3503161.3548187.
Shapes: B items of a batch, N others (of the same batch), C classes, K bits.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from crosshash.losses.similarity import similar
from crosshash.models.heads import MlpHead, SelectingHead, quantisation, soft_code
from crosshash.models.method import TwoTowerMethod
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, StepLoss, TrainingInputs

NEAREST = 1e-12  # squared distances below it have no gradient: that of the root has no bound there
COSINES = (0.1, 0.9)


class Dcmht(TwoTowerMethod):
    """Two networks with a selecting head each, and losses on distances within and between the modalities."""

    def __init__(
        self,
        image: Tower,
        text: Tower,
        train_bits: int,
        inputs: TrainingInputs | None,
        similarity: Literal["euclidean", "cosine"],
        vartheta: float,
        quan_weight: float,
        head: Literal["attention", "mlp"],
    ) -> None:
        heads: tuple[nn.Module, nn.Module]
        if head == "attention":
            heads = (
                SelectingHead(image.dim, train_bits, "batch"),
                SelectingHead(text.dim, train_bits, "layer"),
            )
        else:
            heads = MlpHead(image.dim, train_bits), MlpHead(text.dim, train_bits)
        super().__init__(image, text, train_bits, heads)
        self.similarity = similarity
        self.margin = math.sqrt(2 * train_bits * vartheta)
        self.quan_weight = quan_weight

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """L = l(I, T) + l(I, I) + l(T, T) + quan_weight / 2 [Q(img) + Q(txt)]."""
        both_BK = self.outputs(batch)
        image_BK, text_BK = map(soft_code, both_BK)
        shared_BB = similar(batch.labels, batch.labels)
        with torch.autocast(image_BK.device.type, enabled=False):  # distances: differences of large numbers
            parts = {
                "image_text": self._pairs(image_BK, text_BK, shared_BB),
                "image_image": self._pairs(image_BK, image_BK, shared_BB),
                "text_text": self._pairs(text_BK, text_BK, shared_BB),
            }
        undecided = (quantisation(both_BK[0]) + quantisation(both_BK[1])) / 2
        total = torch.stack(list(parts.values())).sum() + self.quan_weight * undecided
        named = {**parts, "quantisation": undecided}
        return StepLoss(total, {name: part.detach() for name, part in named.items()})

    def soft_code(self, output: Tensor) -> Tensor:
        """Soft codes 2p - 1 in [-1, 1] of the margins."""
        return soft_code(output)

    def _pairs(self, first_BK: Tensor, second_NK: Tensor, shared_BN: Tensor) -> Tensor:
        if self.similarity == "cosine":
            return cosine_loss(first_BK, second_NK, shared_BN)
        return distance_loss(first_BK, second_NK, shared_BN, self.margin)


build = Dcmht


def distance_loss(first_BK: Tensor, second_NK: Tensor, shared_BN: Tensor, margin: float) -> Tensor:
    """Compute l = mean_ij (s d)^2 + mean_ij ((1 - s)(m - min(d, m)))^2, d between pairs p.

    first, second: soft codes t = 2p - 1; shared: 0 and 1. A bit's pair is ((1 - t) / 2, (1 + t) / 2), so
    that d^2 = ||t_i - t_j||^2 / 2.
    """
    lengths_BN = first_BK.square().sum(1)[:, None] + second_NK.square().sum(1)[None]
    squares_BN = (lengths_BN / 2 - first_BK @ second_NK.T).clamp(min=NEAREST)
    apart_BN = (margin - squares_BN.sqrt()).clamp(min=0).square()
    return (shared_BN * squares_BN + (1 - shared_BN) * apart_BN).mean()


def cosine_loss(first_BK: Tensor, second_NK: Tensor, shared_BN: Tensor) -> Tensor:
    """Binary cross-entropy of the cosine of the pairs p, clipped to [0.1, 0.9], against s; mean over i, j.

    p_i . p_j = (K + t_i . t_j) / 2 and ||p||^2 = (K + ||t||^2) / 2. A pair beyond the bound that it should
    reach has no gradient; one beyond the other bound has that of the bound, which leads back.
    """
    bits = first_BK.shape[1]
    length_B, length_N = ((bits + soft.square().sum(1)).sqrt() for soft in (first_BK, second_NK))
    cosine_BN = (bits + first_BK @ second_NK.T) / (length_B[:, None] * length_N[None])
    clipped_BN = cosine_BN.detach().clamp(*COSINES)
    reached_BN = torch.where(shared_BN > 0, cosine_BN > COSINES[1], cosine_BN < COSINES[0])
    kept_BN = torch.where(reached_BN, clipped_BN, clipped_BN + (cosine_BN - cosine_BN.detach()))
    return -(shared_BN * kept_BN.log() + (1 - shared_BN) * (1 - kept_BN).log()).mean()
