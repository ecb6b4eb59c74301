"""UCCH, unsupervised contrastive cross-modal hashing: values are drawn to codes of a memory. No labels.

Source: Hu, Zhu, Lin, Peng, Zhao and Peng, Unsupervised Contrastive Cross-Modal Hashing, TPAMI 2023, doi
10.1109/TPAMI.2022.3177356.
Shapes: B items of a batch, K bits, N training items, M negatives.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from crosshash.models.method import TwoTowerMethod
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, StepLoss, TrainingInputs, TrainingPairs


class Ucch(TwoTowerMethod):
    """Two networks with a linear hash layer each; the memory holds a vector per training pair.

    Of `inputs` it reads the number of training items alone.
    """

    training_only = ("memory",)
    memory: Tensor
    warming: bool

    def __init__(
        self,
        image: Tower,
        text: Tower,
        train_bits: int,
        inputs: TrainingInputs | None,
        contrast_weight: float,
        temperature: float,
        momentum: float,
        negatives: int,
        margin: float,
        shift: float,
        warmup_epochs: int,
    ) -> None:
        heads = nn.Linear(image.dim, train_bits), nn.Linear(text.dim, train_bits)
        super().__init__(image, text, train_bits, heads)
        self.contrast_weight = contrast_weight
        self.temperature = temperature
        self.momentum = momentum
        self.negatives = negatives
        self.margin = margin
        self.shift = shift
        self.warmup_epochs = warmup_epochs
        if inputs is not None:
            items = len(inputs.labels)
            self.register_buffer("memory", nn.functional.normalize(torch.randn(items, train_bits).sign()))

    def start_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Until the memory knows every item, pairs are compared with those of their own batch."""
        self.warming = epoch <= self.warmup_epochs

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """L = alpha (L_c of images + L_c of texts) + (1 - alpha) L_r; then the memory moves."""
        image_BK, text_BK = (nn.functional.normalize(torch.tanh(one.float())) for one in self.outputs(batch))
        with torch.autocast(image_BK.device.type, enabled=False):
            middle_BK = nn.functional.normalize((image_BK + text_BK).detach())
            own_BK, others_MK, same_BM = self._codes(batch.index, middle_BK)
            scale = self.temperature * math.sqrt(self.train_bits)
            contrast = sum(
                contrast_loss(one / scale, own_BK, others_MK, same_BM) for one in (image_BK, text_BK)
            )
            ranking = ranking_loss(image_BK @ text_BK.T, self.margin, self.shift)
            self._remember(batch.index, middle_BK)
        parts = {"contrast": torch.as_tensor(contrast), "ranking": ranking}
        total = self.contrast_weight * parts["contrast"] + (1 - self.contrast_weight) * ranking
        return StepLoss(total, {name: part.detach() for name, part in parts.items()})

    def soft_code(self, output: Tensor) -> Tensor:
        """Soft codes in [-1, 1] of what the hash layer gives."""
        return torch.tanh(output)

    def _codes(self, index_B: Tensor, middle_BK: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Binary codes of the items, of others, and bool[B, M]: which of those are the item itself."""
        if self.warming:
            signs_BK = _sign(middle_BK)
            return signs_BK, signs_BK, torch.eye(len(index_B), dtype=torch.bool, device=index_B.device)
        drawn_M = torch.randint(len(self.memory), (self.negatives,)).to(index_B.device)
        return _sign(self.memory[index_B]), _sign(self.memory[drawn_M]), index_B[:, None] == drawn_M

    def _remember(self, index_B: Tensor, middle_BK: Tensor) -> None:
        """Move vectors of the memory: v = m v + (1 - m) h, all of length 1; m is 0 in the warm-up."""
        momentum = 0.0 if self.warming else self.momentum
        moved_BK = momentum * self.memory[index_B] + (1 - momentum) * middle_BK
        self.memory[index_B] = nn.functional.normalize(moved_BK)


build = Ucch


def contrast_loss(scaled_BK: Tensor, own_BK: Tensor, others_MK: Tensor, same_BM: Tensor) -> Tensor:
    """Mean of -log softmax of an item's own code among those of others: h b / (T sqrt K)."""
    own_B1 = (scaled_BK * own_BK).sum(1, keepdim=True)
    others_BM = (scaled_BK @ others_MK.T).masked_fill(same_BM, -torch.inf)
    return (torch.cat([own_B1, others_BM], dim=1).logsumexp(1) - own_B1[:, 0]).mean()


def ranking_loss(scores_BB: Tensor, margin: float, shift: float) -> Tensor:
    """Cross-modal ranking: L_r = mean_i [log sum_j exp(c_ij) - c_ii + margin], over rows and over columns.

    c = s for the own pair and for those within the margin of it, s - shift for pairs already told apart.
    """
    own_B = scores_BB.diagonal()
    terms = []
    for rows_BB in (scores_BB, scores_BB.T):
        apart_BB = (rows_BB < own_B[:, None] - margin).detach()
        terms.append(((rows_BB - shift * apart_BB).logsumexp(1) - own_B + margin).mean())
    return terms[0] + terms[1]


def _sign(values: Tensor) -> Tensor:
    return torch.where(values >= 0, 1.0, -1.0)
