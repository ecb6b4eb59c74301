"""What a hashing method is: networks, a loss, and how either modality alone becomes a code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from crosshash.codes.vector_code import VectorCode
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, ParameterGroup, StepLoss, TrainingPairs


class Method(nn.Module, ABC):
    """A hashing method: how either modality becomes a code. It is trained (`TrainedMethod`), or solved.

    training_only: names of the state that learning needs and encoding does not (buffers of the size of the
    training set, frozen copies); it is in checkpoints, not in the trained model.
    """

    training_only: Sequence[str] = ()

    def __init__(self, train_bits: int) -> None:
        super().__init__()
        self.train_bits = train_bits

    @abstractmethod
    def encode_image(self, image: Tensor) -> Tensor:
        """Soft codes float[B, train_bits]; the sign is the hash code, zero counts as +1."""

    @abstractmethod
    def encode_text(self, text: Tensor) -> Tensor:
        """Soft codes float[B, train_bits] of texts."""

    def vector_code(self) -> VectorCode | None:
        """How items are stored where it is not by the signs of their soft codes."""
        return None


class TrainedMethod(Method):
    """A method that learns step by step.

    phases: passes over the training set in each epoch, each with an optimiser of its own.
    """

    phases: Sequence[str] = ("all",)

    @abstractmethod
    def parameter_groups(self, phase: str) -> list[ParameterGroup]:
        """Parameters that a phase trains."""

    def start_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """What the method does before an epoch; the first is 1, but a resumed training starts later."""

    @abstractmethod
    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """Loss of one batch."""

    def end_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """What the method does after an epoch: refreshing buffers, fitting a codebook."""


class TwoTowerMethod(TrainedMethod):
    """A method of two networks with a head each, which learn together; what a head gives becomes the code.

    heads: of images and of texts; what they give, float[B, F], is the method's own affair.
    """

    def __init__(
        self, image: Tower, text: Tower, train_bits: int, heads: tuple[nn.Module, nn.Module]
    ) -> None:
        super().__init__(train_bits)
        self.image, self.text = image.network, text.network
        self.image_head, self.text_head = heads

    @abstractmethod
    def soft_code(self, output: Tensor) -> Tensor:
        """Soft codes float[B, train_bits] of what a head gives."""

    def outputs(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """What both heads give for a batch."""
        return self.image_head(self.image(batch.image)), self.text_head(self.text(batch.text))

    def parameter_groups(self, phase: str) -> list[ParameterGroup]:
        """Give the encoders' parameters as `backbone`, the heads' as `head`."""
        return [
            ParameterGroup("image", "backbone", list(self.image.parameters())),
            ParameterGroup("image", "head", list(self.image_head.parameters())),
            ParameterGroup("text", "backbone", list(self.text.parameters())),
            ParameterGroup("text", "head", list(self.text_head.parameters())),
        ]

    def encode_image(self, image: Tensor) -> Tensor:
        """Soft codes of images."""
        return self.soft_code(self.image_head(self.image(image)))

    def encode_text(self, text: Tensor) -> Tensor:
        """Soft codes of texts."""
        return self.soft_code(self.text_head(self.text(text)))


@contextmanager
def encoding(network: nn.Module) -> Iterator[None]:
    """Let a network work as it will when it encodes: no dropout, no gradients, statistics stay."""
    learning = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(learning)
