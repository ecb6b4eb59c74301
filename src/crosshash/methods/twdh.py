"""TwDH, two-step discrete hashing: hash centres are the targets of a long code, short codes are cut from it.

Source: Two-Step Discrete Hashing for Cross-Modal Retrieval, TMM 2024, doi 10.1109/TMM.2024.3381828.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crosshash.models.heads import SelectingHead, pair_entropy, quantisation
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, ParameterGroup, StepLoss, TrainingInputs, TrainingPairs


class Twdh(nn.Module):
    """Two networks, a selecting head each, and a loss that pulls their bits to the targets of the labels."""

    phases: Sequence[str] = ("all",)
    training_only: Sequence[str] = ()
    centers: Tensor
    ties: Tensor
    short_matrix: Tensor
    short_centers: Tensor
    short_ties: Tensor

    def __init__(
        self, image: Tower, text: Tower, train_bits: int, quan_weight: float, short_weight: float
    ) -> None:
        super().__init__()
        self.train_bits = train_bits
        self.quan_weight = quan_weight
        self.short_weight = short_weight
        self.image = image.network
        self.text = text.network
        self.image_head = SelectingHead(image.dim, train_bits, "batch")
        self.text_head = SelectingHead(text.dim, train_bits, "layer")

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

    def parameter_groups(self, phase: str) -> list[ParameterGroup]:
        """Give the encoders' parameters as `backbone`, the heads' as `head`."""
        return [
            ParameterGroup("image", "backbone", list(self.image.parameters())),
            ParameterGroup("image", "head", list(self.image_head.parameters())),
            ParameterGroup("text", "backbone", list(self.text.parameters())),
            ParameterGroup("text", "head", list(self.text_head.parameters())),
        ]

    def start_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Nothing to prepare: the targets are fixed."""

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """L = 1/2 [BCE(img) + BCE(txt)] + quan_weight/2 [Q(img) + Q(txt)], plus both on short codes."""
        margins = (self.image_head(self.image(batch.image)), self.text_head(self.text(batch.text)))
        entropy, undecided = _pair_loss(margins, targets(batch.labels, self.centers, self.ties))
        total = entropy + self.quan_weight * undecided
        parts = {"entropy": entropy.detach(), "quantisation": undecided.detach()}
        if self.short_weight > 0:
            short = tuple(_through(margin, self.short_matrix) for margin in margins)
            entropy, undecided = _pair_loss(short, targets(batch.labels, self.short_centers, self.short_ties))
            total = total + self.short_weight * (entropy + undecided)
            parts |= {"short_entropy": entropy.detach(), "short_quantisation": undecided.detach()}
        return StepLoss(total, parts)

    def end_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Nothing to refresh: the targets are fixed."""

    def encode_image(self, image: Tensor) -> Tensor:
        """Soft codes 2p - 1 in [-1, 1] of images."""
        return torch.tanh(self.image_head(self.image(image)) / 2)

    def encode_text(self, text: Tensor) -> Tensor:
        """Soft codes of texts."""
        return torch.tanh(self.text_head(self.text(text)) / 2)


def targets(labels: Tensor, centers: Tensor, ties: Tensor) -> Tensor:
    """Sign of the sum of an item's class centres, zeros filled from the tie bits.

    labels: float[B, C]; centers: +-1 [C, K]; ties: +-1 [K]; gives +-1 [B, K].
    """
    sums = labels.float() @ centers
    return torch.where(sums == 0, ties, sums.sign())


def build(
    image: Tower,
    text: Tower,
    train_bits: int,
    inputs: TrainingInputs | None,
    quan_weight: float,
    short_weight: float,
) -> Twdh:
    """Make the method, for training with `inputs`, without them for encoding only."""
    method = Twdh(image, text, train_bits, quan_weight, short_weight)
    if inputs is not None:
        method.set_targets(inputs)
    return method


def _pair_loss(margins: Sequence[Tensor], target: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over both modalities of the cross-entropy and of the quantisation term."""
    image, text = margins
    entropy = (pair_entropy(image, target) + pair_entropy(text, target)) / 2
    return entropy, (quantisation(image) + quantisation(text)) / 2


def _through(margin: Tensor, matrix: Tensor) -> Tensor:
    """Margins of the short code: the pairs p of the long one times the transform T float[2K, 2k]."""
    probabilities = torch.cat([torch.sigmoid(-margin), torch.sigmoid(margin)], dim=1)
    pairs = (probabilities @ matrix).float()
    half = pairs.shape[1] // 2
    return pairs[:, half:] - pairs[:, :half]
