"""SCAHN, self-constraining attention-based hashing: codes of four depths, fused; short ones are cut out.

Source: Self-constraining and attention-based hashing network for bit-scalable cross-modal retrieval,
Neurocomputing 2020, doi 10.1016/j.neucom.2020.03.019.
Shapes: B items of a batch, b and c of its two halves, N training items, n of them, C classes, K bits, L
levels, F codes: those of the levels and their fusion.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.losses.alignment import bit_alignment
from crosshash.losses.likelihood import buffer_likelihood, pair_likelihood
from crosshash.losses.similarity import similar
from crosshash.models.method import TrainedMethod, encoding
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, ParameterGroup, StepLoss, TrainingInputs, TrainingPairs
from crosshash.seeding import stream

LEVELS = 4
WHOLE = 16_384
"""Training items up to which each step compares its batch with all of them, as published."""
DRAWN = 4_096
"""Of more than that, rows that a step compares with, drawn anew for each: an epoch stays linear in them."""
SAMPLE = 4000  # training items between which the alignment of the bits is measured

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
        """Give float[F, B, K]: the codes of the levels, then the fused one."""
        levels = self.network.levels(inputs)
        codes_LBK = torch.stack(
            [torch.tanh(layer(level).float()) for layer, level in zip(self.hashing, levels, strict=True)]
        )
        fused_BK = torch.tanh((self.fusion[:, None] * codes_LBK).sum(0))
        return torch.cat([codes_LBK, fused_BK[None]])


class Scahn(TrainedMethod):
    """Two networks trained in turn against buffers of the fused codes of all training items."""

    phases = ("image", "text")
    training_only = ("buffer_",)
    labels: Tensor
    target: Tensor
    image_activity: Tensor
    text_activity: Tensor
    alignment: Tensor
    drawing: np.random.Generator

    def __init__(
        self,
        image: Tower,
        text: Tower,
        train_bits: int,
        inputs: TrainingInputs | None,
        alpha: float,
        pair_weight: float,
        quan_weight: float,
    ) -> None:
        super().__init__(train_bits)
        self.alpha = alpha * train_bits / 32
        self.pair_weight = pair_weight
        self.quan_weight = quan_weight
        self.image = LevelCodes(image, train_bits)
        self.text = LevelCodes(text, train_bits)
        self.register_buffer("image_activity", torch.zeros(LEVELS, train_bits))
        self.register_buffer("text_activity", torch.zeros(LEVELS, train_bits))
        self.register_buffer("alignment", torch.zeros(train_bits))
        if inputs is not None:
            self.make_buffers(torch.from_numpy(inputs.labels))

    def make_buffers(self, labels_NC: Tensor) -> None:
        """Make room for the fused codes of all training items, per modality; labels: uint8.

        Labels and targets are known again at the start of an epoch, so checkpoints are spared them.
        """
        self.register_buffer("labels", labels_NC, persistent=False)
        signs_NK = torch.ones(len(labels_NC), self.train_bits, dtype=torch.int8)
        self.register_buffer("target", signs_NK, persistent=False)
        for name in ("buffer_image", "buffer_text"):  # two tensors, not one of two names
            self.register_buffer(name, torch.zeros(len(labels_NC), self.train_bits))

    def parameter_groups(self, phase: str) -> list[ParameterGroup]:
        """Give the network of the phase's modality as `backbone`, hash layers and fusion as `head`."""
        modality: Modality = "image" if phase == "image" else "text"
        codes = self._codes(modality)
        return [
            ParameterGroup(modality, "backbone", list(codes.network.parameters())),
            ParameterGroup(modality, "head", [*codes.hashing.parameters(), codes.fusion]),
        ]

    def start_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Fill the buffers before the first epoch; b_j = sign(f_j + g_j) for each.

        Rows are drawn by the epoch alone: a resumed training draws the same.
        """
        self.drawing = stream(epoch, "scahn", "rows")
        if epoch == 1:
            self._refresh(pairs)
        self.target.copy_(self._buffer("image") + self._buffer("text") >= 0).mul_(2).sub_(1)

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """Inter + intra + pair_weight pair + quan_weight (2 / K) quantisation, for the phase's modality.

        Raises:
            CrosshashError: a batch of one.
        """
        if len(batch.index) < 2:
            raise CrosshashError("SCAHN compares the two halves of a batch: it needs two items or more.")
        modality: Modality = "image" if phase == "image" else "text"
        codes_FBK = self._codes(modality)(batch.image if modality == "image" else batch.text)
        self._buffer(modality)[batch.index] = codes_FBK[-1].detach()
        with torch.autocast(codes_FBK.device.type, enabled=False):
            parts = self._losses(codes_FBK, batch, modality)
        total = parts["inter"] + parts["intra"] + self.pair_weight * parts["pair"]
        total = total + self.quan_weight * 2 / self.train_bits * parts["quantisation"]
        return StepLoss(total, {f"{phase}_{name}": part.detach() for name, part in parts.items()})

    def end_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Refresh the buffers, and how much each bit matters."""
        self._refresh(pairs)
        image_NK, text_NK = self._buffer("image")[:SAMPLE], self._buffer("text")[:SAMPLE]
        self.alignment.copy_(bit_alignment(image_NK, text_NK, self.labels[:SAMPLE]))

    def significances(self) -> dict[str, Tensor]:
        """How much each bit matters, by three measures float[K]; a larger one is kept first.

        weights: sum over modalities and levels of |w|. activity: the same with each |w| times the mean |h| of
        its level. alignment: how long the bit stays while those are left out that the others can do without.
        """
        image_LK, text_LK = self.image.fusion.detach().abs(), self.text.fusion.detach().abs()
        activity_LK = image_LK * self.image_activity + text_LK * self.text_activity
        return {
            "weights": (image_LK + text_LK).sum(0),
            "activity": activity_LK.sum(0),
            "alignment": self.alignment,
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

    def _losses(self, codes_FBK: Tensor, batch: PairBatch, modality: Modality) -> dict[str, Tensor]:
        """The four terms; pairs are the rows of the first half of the batch with those of the second."""
        own_NK, other_NK = self._buffer(modality), self._buffer("text" if modality == "image" else "image")
        labels_BC, half = batch.labels, len(batch.index) // 2
        shared_bc = similar(labels_BC[:half], labels_BC[half:])
        pair_F = [pair_likelihood(code[:half], code[half:], shared_bc, self.alpha) for code in codes_FBK]
        other_nK, own_nK, others_nC = self._compared(other_NK, own_NK, self.labels)
        return {
            "inter": buffer_likelihood(codes_FBK, other_nK, labels_BC, others_nC, self.alpha),
            "intra": buffer_likelihood(codes_FBK, own_nK, labels_BC, others_nC, self.alpha),
            "pair": torch.stack(pair_F).mean(),
            "quantisation": (self.target[batch.index] - codes_FBK[-1]).square().sum(1).mean(),
        }

    def _compared(self, *columns: Tensor) -> list[Tensor]:
        """Take the training items that a step compares with, in tensors [N, ...]: all, or DRAWN of many."""
        count = len(columns[0])
        if count <= WHOLE:
            return list(columns)
        rows = torch.from_numpy(np.sort(self.drawing.integers(count, size=DRAWN)))
        return [column[rows.to(column.device)] for column in columns]

    def _refresh(self, pairs: TrainingPairs) -> None:
        """Encode the whole training set as it would be encoded later, by rows."""
        sums_LK = {modality: torch.zeros_like(self.image_activity) for modality in ("image", "text")}
        with encoding(self):
            for batch in pairs():
                for modality, inputs in (("image", batch.image), ("text", batch.text)):
                    codes_FBK = self._codes(modality)(inputs)  # type: ignore[arg-type]
                    self._buffer(modality)[batch.index] = codes_FBK[-1]  # type: ignore[arg-type]
                    sums_LK[modality] += codes_FBK[:LEVELS].abs().sum(1)
        self.image_activity.copy_(sums_LK["image"] / len(self.labels))
        self.text_activity.copy_(sums_LK["text"] / len(self.labels))


build = Scahn
