"""SCAHN's text network: a bag of words averaged over windows of five widths, and residual blocks over them.

Source: Self-constraining and attention-based hashing network for bit-scalable cross-modal retrieval,
Neurocomputing 2020, doi 10.1016/j.neucom.2020.03.019; widths and normalisation as in the released code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crosshash.models.encoders.levels import Encoder, Levels, Widths

WINDOWS = (50, 30, 15, 10, 5)
CHANNELS = (64, 128, 256, 512)
SPANS = (1, 3, 3, 2)
"""How many neighbouring scales each residual block joins; of the six, 6, 4, 2 and 1 are left after it."""
LEFT = (6, 4, 2, 1)
WIDTH = 256


class MultiscaleBag(Encoder):
    """float[B, V] word counts -> float[B, 256]; the levels are those of the four residual blocks."""

    level_dims: Widths = (WIDTH, WIDTH, WIDTH, WIDTH)
    dim = WIDTH

    def __init__(self, words: int) -> None:
        super().__init__()
        self.inputs = words
        self.averages = nn.ModuleList(WindowAverage(min(window, words)) for window in WINDOWS)
        heights = (words, 1, 1, 1)
        inner = (1, *CHANNELS[:-1])
        self.blocks = nn.ModuleList(map(ScaleBlock, inner, CHANNELS, heights, SPANS))
        self.projections = nn.ModuleList(
            nn.Conv2d(channels, WIDTH, (1, left)) for channels, left in zip(CHANNELS, LEFT, strict=True)
        )
        self.normalise = nn.LocalResponseNorm(2, alpha=1e-4, beta=0.75, k=1.0)
        for part in (*self.blocks.modules(), *self.projections):
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
                if part.bias is not None:
                    nn.init.zeros_(part.bias)

    def forward(self, bags: Tensor) -> Tensor:
        """Embed bags of words."""
        return self.levels(bags)[-1]

    def levels(self, bags: Tensor) -> Levels:
        """Give the projected output of each block."""
        counts = bags.float()[:, None]
        inside = torch.stack([counts, *(average(counts) for average in self.averages)], dim=3)
        found = []
        for block, projection in zip(self.blocks, self.projections, strict=True):
            inside = block(inside)
            found.append(self.normalise(torch.relu(projection(inside)))[:, :, 0, 0])
        first, second, third, last = found
        return first, second, third, last


class WindowAverage(nn.Module):
    """float[B, 1, V] -> float[B, 1, V]: the mean of each window, weighed, at each of its words.

    The weight starts at 1 and not, as released, at a random number: words are never negative, so that below
    a negative one the ReLU lets nothing pass, no gradient either, and the window would be lost for good.
    """

    def __init__(self, window: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool1d(window, ceil_mode=True)
        self.weight = nn.Conv1d(1, 1, 1)
        nn.init.ones_(self.weight.weight)
        nn.init.zeros_(self.weight.bias)  # type: ignore[arg-type]
        self.window = window

    def forward(self, counts: Tensor) -> Tensor:
        """Average; the last window holds the words that are left."""
        means = torch.relu(self.weight(self.pool(counts)))
        return means.repeat_interleave(self.window, dim=2)[:, :, : counts.shape[2]]


class ScaleBlock(nn.Module):
    """float[B, inner, height, S] -> float[B, channels, 1, S - span + 1]: a residual block over the scales.

    The first block reads all words at once (height V); the shortcut is a convolution of the same reach.
    """

    def __init__(self, inner: int, channels: int, height: int, span: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inner, channels, (1, 3), padding=(0, 1), bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, (height, span), bias=False)
        self.second_norm = nn.BatchNorm2d(channels)
        self.shortcut = nn.Conv2d(inner, channels, (height, span), bias=False)
        self.shortcut_norm = nn.BatchNorm2d(channels)

    def forward(self, scales: Tensor) -> Tensor:
        """Join neighbouring scales."""
        inside = torch.relu(self.first_norm(self.first(scales)))
        inside = self.second_norm(self.second(inside))
        return torch.relu(inside + self.shortcut_norm(self.shortcut(scales)))
