"""A copy of a network as it is now, which no training changes: what unsupervised methods compare items by."""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor, nn

from crosshash.models.encoders.multiscale import MultiscaleBag
from crosshash.models.encoders.vectors import VectorEncoder


class Frozen(nn.Module):
    """Features of an encoder as it was at the start; vectors and bags of words are their own features.

    any_unit: they are vectors, each column of which may be of a unit of its own.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        plain = isinstance(network, VectorEncoder | MultiscaleBag)
        self.any_unit = isinstance(network, VectorEncoder) and network.scaled
        self.network = nn.Identity() if plain else copy.deepcopy(network).requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay as at evaluation: no running statistics move, no dropout."""
        return super().train(False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Give float32[B, F], rows of length 1; a row of zeros stays one."""
        with torch.no_grad():
            features: Tensor = self.network(inputs)
            return nn.functional.normalize(features.float())


def feature_width(network: nn.Module, dim: int) -> int:
    """Numbers in a feature of a network whose embedding has `dim`."""
    return network.inputs if isinstance(network, VectorEncoder | MultiscaleBag) else dim
