"""AlexNet as torchvision builds it, up to its last hidden layer (fc7): the image network of HQ and DJSRH."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crosshash.models.encoders.levels import Encoder, Levels, Widths, map_mean, tapped
from crosshash.models.encoders.pixels import Scaling
from crosshash.models.encoders.torchvision_cure import import_torchvision

import_torchvision()
from torchvision.models import AlexNet  # noqa: E402 - the cure must come first

NAME = "torchvision/alexnet"
CONFIG = {"image_size": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
CONV2, CONV4 = 3, 8
"""Where these layers stand among torchvision's `features`."""


class AlexNetEncoder(Encoder):
    """uint8[B, 3, 224, 224] pixels -> float[B, 4096], the outputs of fc7 after their ReLU."""

    level_dims: Widths = (64, 384, 256, 4096)
    dim = 4096

    def __init__(self, scaling: Scaling) -> None:
        super().__init__()
        self.scaling = scaling
        self.trunk = AlexNet()
        del self.trunk.classifier[-1]  # fc8, the classifier
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        embedding: Tensor = self.trunk(self.scaling(pixels))
        return embedding

    def levels(self, pixels: Tensor) -> Levels:
        """Give the pooled outputs of the convolutions 1, 3 and 5, averaged over the picture, and fc7."""
        layers: list[nn.Module] = [self.trunk.features[CONV2], self.trunk.features[CONV4], self.trunk.avgpool]
        with tapped(layers, map_mean) as found:
            embedding = self(pixels)
        first, second, third = found
        return first, second, third, embedding
