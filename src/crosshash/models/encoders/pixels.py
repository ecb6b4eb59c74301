"""Squares of bytes, scaled to the numbers that an image network was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Scaling(nn.Module):
    """uint8[B, 3, S, S] pixels -> float, by the mean and deviation of each channel on a scale of 0 to 1."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1) * 255, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Scale pixels."""
        return (pixels.float() - self.mean) / self.std
