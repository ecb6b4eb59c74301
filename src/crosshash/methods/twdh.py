"""TwDH, two-step discrete hashing: hash centres are the targets of a long code, short codes are cut from it.

Source: Two-Step Discrete Hashing for Cross-Modal Retrieval, TMM 2024, doi 10.1109/TMM.2024.3381828.
Shapes: B items of a batch, C classes, K bits of the long code, k of the short one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crosshash.models.heads import SelectingHead, margins, pair_entropy, quantisation, soft_code
from crosshash.models.method import TwoTowerMethod
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, StepLoss, TrainingInputs


class Twdh(TwoTowerMethod):
    """Two networks, a selecting head each, and a loss that pulls their bits to the targets of the labels."""

    centers: Tensor
    ties: Tensor
    short_matrix: Tensor
    short_centers: Tensor
    short_ties: Tensor

    def __init__(
        self,
        image: Tower,
        text: Tower,
        train_bits: int,
        inputs: TrainingInputs | None,
        quan_weight: float,
        short_weight: float,
    ) -> None:
        heads = SelectingHead(image.dim, train_bits, "batch"), SelectingHead(text.dim, train_bits, "layer")
        super().__init__(image, text, train_bits, heads)
        self.quan_weight = quan_weight
        self.short_weight = short_weight
        if inputs is not None:
            self.set_targets(inputs)

    def set_targets(self, inputs: TrainingInputs) -> None:
        """Take the hash centres along as buffers, so that they follow the network to its device."""
        for name, array in (
            ("centers", inputs.centers),
            ("ties", inputs.tie_bits),
            ("short_matrix", inputs.short_matrix),
            ("short_centers", inputs.short_centers),
            ("short_ties", inputs.short_ties),
        ):
            if array is not None:
                self.register_buffer(name, torch.from_numpy(array).float(), persistent=False)

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """L = 1/2 [BCE(img) + BCE(txt)] + quan_weight/2 [Q(img) + Q(txt)], plus both on short codes."""
        both_BK = self.outputs(batch)
        entropy, undecided = _pair_loss(both_BK, targets(batch.labels, self.centers, self.ties))
        total = entropy + self.quan_weight * undecided
        parts = {"entropy": entropy.detach(), "quantisation": undecided.detach()}
        if self.short_weight > 0:
            both_Bk = [_through(margin_BK, self.short_matrix) for margin_BK in both_BK]
            target_Bk = targets(batch.labels, self.short_centers, self.short_ties)
            entropy, undecided = _pair_loss(both_Bk, target_Bk)
            total = total + self.short_weight * (entropy + undecided)
            parts |= {"short_entropy": entropy.detach(), "short_quantisation": undecided.detach()}
        return StepLoss(total, parts)

    def soft_code(self, output: Tensor) -> Tensor:
        """Soft codes 2p - 1 in [-1, 1] of the margins."""
        return soft_code(output)


build = Twdh


def targets(labels_BC: Tensor, centers_CK: Tensor, ties_K: Tensor) -> Tensor:
    """Sign of the sum of an item's class centres, zeros filled from the tie bits: +-1 [B, K]."""
    sums_BK = labels_BC.float() @ centers_CK
    return torch.where(sums_BK == 0, ties_K, sums_BK.sign())


def _pair_loss(both_BK: Sequence[Tensor], target_BK: Tensor) -> tuple[Tensor, Tensor]:
    """Means over both modalities, given by their margins: of the cross-entropy and of the quantisation."""
    image_BK, text_BK = both_BK
    entropy = (pair_entropy(image_BK, target_BK) + pair_entropy(text_BK, target_BK)) / 2
    return entropy, (quantisation(image_BK) + quantisation(text_BK)) / 2


def _through(margin_BK: Tensor, matrix_2K2k: Tensor) -> Tensor:
    """Margins of the short code, float[B, k]: the pairs p of the long one times the transform T."""
    pairs_B2K = torch.cat([torch.sigmoid(-margin_BK), torch.sigmoid(margin_BK)], dim=1)
    return margins((pairs_B2K @ matrix_2K2k).float())
