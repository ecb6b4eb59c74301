"""SCAHN, self-constraining attention-based hashing: codes of four depths, fused; short ones are cut out.

Source: Self-constraining and attention-based hashing network for bit-scalable cross-modal retrieval,
Neurocomputing 2020, doi 10.1016/j.neucom.2020.03.019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.models.likelihood import buffer_likelihood, pair_likelihood
from crosshash.models.similarity import similar
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, ParameterGroup, StepLoss, TrainingInputs, TrainingPairs

LEVELS = 4
SAMPLE = 2000  # training items between which the bits' discrimination is measured

Modality = Literal["image", "text"]


class LevelCodes(nn.Module):
    """A network's four levels as codes, and their fusion.

    h^l = tanh(linear(norm(level))); h^5 = tanh(sum_l w_l * h^l), w float[4, K] drawn around 1/4.
    """

    def __init__(self, tower: Tower, bits: int) -> None:
        super().__init__()
        self.network = tower.network
        self.hashing = nn.ModuleList(
            nn.Sequential(nn.BatchNorm1d(dim), nn.Linear(dim, bits)) for dim in tower.level_dims
        )
        self.fusion = nn.Parameter(torch.randn(LEVELS, bits) / bits + 1 / LEVELS)

    def forward(self, inputs: Tensor) -> Tensor:
        """Give float[5, B, K]: the codes of the levels, then the fused one."""
        levels = self.network.levels(inputs)
        codes = torch.stack(
            [torch.tanh(layer(level).float()) for layer, level in zip(self.hashing, levels, strict=True)]
        )
        fused = torch.tanh((self.fusion[:, None] * codes).sum(0))
        return torch.cat([codes, fused[None]])


class Scahn(nn.Module):
    """Two networks trained in turn against buffers of the fused codes of all training items."""

    phases: Sequence[str] = ("image", "text")
    training_only: Sequence[str] = ("buffer_", "labels", "target")
    labels: Tensor
    target: Tensor
    image_activity: Tensor
    text_activity: Tensor
    discrimination: Tensor

    def __init__(
        self,
        image: Tower,
        text: Tower,
        train_bits: int,
        alpha: float,
        pair_weight: float,
        quan_weight: float,
    ) -> None:
        super().__init__()
        self.train_bits = train_bits
        self.alpha = alpha * train_bits / 32
        self.pair_weight = pair_weight
        self.quan_weight = quan_weight
        self.image = LevelCodes(image, train_bits)
        self.text = LevelCodes(text, train_bits)
        self.register_buffer("image_activity", torch.zeros(LEVELS, train_bits))
        self.register_buffer("text_activity", torch.zeros(LEVELS, train_bits))
        self.register_buffer("discrimination", torch.zeros(train_bits))

    def make_buffers(self, labels: Tensor) -> None:
        """Make room for the fused codes of all training items, per modality; labels: uint8[N, C]."""
        self.register_buffer("labels", labels)
        for name in ("buffer_image", "buffer_text", "target"):  # three separate tensors
            self.register_buffer(name, torch.zeros(len(labels), self.train_bits))

    def parameter_groups(self, phase: str) -> list[ParameterGroup]:
        """Give the network of the phase's modality as `backbone`, hash layers and fusion as `head`."""
        modality: Modality = "image" if phase == "image" else "text"
        codes = self._codes(modality)
        return [
            ParameterGroup(modality, "backbone", list(codes.network.parameters())),
            ParameterGroup(modality, "head", [*codes.hashing.parameters(), codes.fusion]),
        ]

    def start_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Fill the buffers before the first epoch; b_j = sign(f_j + g_j) for each."""
        if epoch == 1:
            self._refresh(pairs)
        sums = self._buffer("image") + self._buffer("text")
        self.target.copy_(torch.where(sums >= 0, 1.0, -1.0))

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """Inter + intra + pair_weight pair + quan_weight (2 / K) quantisation, for the phase's modality."""
        modality: Modality = "image" if phase == "image" else "text"
        codes = self._codes(modality)(batch.image if modality == "image" else batch.text)
        with torch.autocast(codes.device.type, enabled=False):
            parts = self._losses(codes, batch, modality)
        self._buffer(modality)[batch.index] = codes[-1].detach()
        total = parts["inter"] + parts["intra"] + self.pair_weight * parts["pair"]
        total = total + self.quan_weight * 2 / self.train_bits * parts["quantisation"]
        return StepLoss(total, {f"{phase}_{name}": part.detach() for name, part in parts.items()})

    def end_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Refresh the buffers, and how much each bit matters."""
        self._refresh(pairs)
        image, text = (self._buffer(modality)[:SAMPLE] for modality in ("image", "text"))
        self.discrimination.copy_(discrimination(image, text, self.labels[:SAMPLE]))

    def significances(self) -> dict[str, Tensor]:
        """How much each bit matters, by three measures float[K]; a larger one is kept first.

        weights: sum over modalities and levels of |w|. activity: the same with each |w| times the mean |h| of
        its level. discrimination: how much more alike the bit is between items that share a label.
        """
        image, text = self.image.fusion.detach().abs(), self.text.fusion.detach().abs()
        activity = image * self.image_activity + text * self.text_activity
        return {
            "weights": (image + text).sum(0),
            "activity": activity.sum(0),
            "discrimination": self.discrimination,
        }

    def encode_image(self, image: Tensor) -> Tensor:
        """Fused codes in [-1, 1] of images."""
        fused: Tensor = self.image(image)[-1]
        return fused

    def encode_text(self, text: Tensor) -> Tensor:
        """Fused codes of texts."""
        fused: Tensor = self.text(text)[-1]
        return fused

    def _codes(self, modality: Modality) -> LevelCodes:
        return self.image if modality == "image" else self.text

    def _buffer(self, modality: Modality) -> Tensor:
        return self.get_buffer(f"buffer_{modality}")

    def _losses(self, codes: Tensor, batch: PairBatch, modality: Modality) -> dict[str, Tensor]:
        """The four terms over two disjoint halves of the batch; codes: float[5, B, K]."""
        half = (len(batch.index) + 1) // 2
        inter, intra, quantisation = [], [], []
        for part in (slice(0, half), slice(half, None)):
            if not len(batch.index[part]):  # a batch of one
                continue
            mine, labels = codes[:, part], batch.labels[part]
            other = self._buffer("text" if modality == "image" else "image")
            inter.append(buffer_likelihood(mine, other, labels, self.labels, self.alpha))
            own = self._buffer(modality)
            intra.append(buffer_likelihood(mine, own, labels, self.labels, self.alpha))
            target = self.target[batch.index[part]]
            quantisation.append((target - mine[-1]).square().sum(1).mean())
        shared = similar(batch.labels[:half], batch.labels[half:])
        pair = [
            pair_likelihood(level[:half], level[half:], shared, self.alpha)
            for level in codes
            if shared.numel()
        ]
        return {
            "inter": torch.stack(inter).mean(),
            "intra": torch.stack(intra).mean(),
            "pair": torch.stack(pair).mean() if pair else codes.new_zeros(()),
            "quantisation": torch.stack(quantisation).mean(),
        }

    def _refresh(self, pairs: TrainingPairs) -> None:
        """Encode the whole training set as it would be encoded later, by rows."""
        learning = self.training
        self.eval()
        sums = {modality: torch.zeros_like(self.image_activity) for modality in ("image", "text")}
        with torch.no_grad():
            for batch in pairs():
                for modality, inputs in (("image", batch.image), ("text", batch.text)):
                    codes = self._codes(modality)(inputs)  # type: ignore[arg-type]
                    self._buffer(modality)[batch.index] = codes[-1]  # type: ignore[arg-type]
                    sums[modality] += codes[:LEVELS].abs().sum(1)
        self.image_activity.copy_(sums["image"] / len(self.labels))
        self.text_activity.copy_(sums["text"] / len(self.labels))
        self.train(learning)


def discrimination(image: Tensor, text: Tensor, labels: Tensor) -> Tensor:
    """Mean of f_ib g_jb over pairs that share a label, less that over the others: float[K].

    image, text: float[N, K] fused codes; labels: [N, C]. Zero where all or none of the pairs share one.
    """
    shared = similar(labels, labels)
    count, others = shared.sum(), shared.numel() - shared.sum()
    alike = (image * (shared @ text)).sum(0)
    whole = image.sum(0) * text.sum(0)
    if not count or not others:
        return torch.zeros_like(whole)
    return alike / count - (whole - alike) / others


def build(
    image: Tower,
    text: Tower,
    train_bits: int,
    inputs: TrainingInputs | None,
    alpha: float,
    pair_weight: float,
    quan_weight: float,
) -> Scahn:
    """Make the method, for training with buffers for all training items.

    Raises:
        CrosshashError: an encoder that does not show four levels, or training items without labels.
    """
    method = Scahn(image, text, train_bits, alpha, pair_weight, quan_weight)
    if inputs is not None:
        if not inputs.labels.any(axis=1).all():
            raise CrosshashError("SCAHN learns from labels, and there are training items without any.")
        method.make_buffers(torch.from_numpy(inputs.labels))
    return method
