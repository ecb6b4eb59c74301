"""The shapes that layers agree on: batches, losses, what some methods can do; without importing torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, device
    from torch.nn import Parameter


@dataclass(frozen=True)
class PairBatch:
    """Pairs as the encoders want them.

    image, text: tensor[B, ...]; labels: float[B, C]; index: int64[B], row within the training set. sizes: how
    many pairs of the step each process has where several train one model (one with none shows a stand-in).
    """

    image: Tensor
    text: Tensor
    labels: Tensor
    index: Tensor
    sizes: tuple[int, ...] = ()

    def to(self, device: device) -> PairBatch:
        """Move to a device."""
        return PairBatch(
            self.image.to(device, non_blocking=True),
            self.text.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
            self.index.to(device, non_blocking=True),
            self.sizes,
        )

    def pinned(self) -> PairBatch:
        """Copy to memory that a GPU reads while the CPU goes on."""
        return PairBatch(
            self.image.pin_memory(),
            self.text.pin_memory(),
            self.labels.pin_memory(),
            self.index.pin_memory(),
            self.sizes,
        )


@dataclass(frozen=True)
class Share:
    """The part of every batch that one of several processes takes; the parts differ by one item at most."""

    rank: int = 0
    ranks: int = 1

    def of(self, start: int, stop: int) -> tuple[int, int]:
        """Give first and last + 1 of the own places among those from `start` to `stop`."""
        size, more = divmod(stop - start, self.ranks)
        first = start + self.rank * size + min(self.rank, more)
        return first, first + size + (self.rank < more)

    def shown(self, start: int, stop: int) -> slice:
        """Give the own places, or the first of all where none is left: networks want something to look at."""
        first, last = self.of(start, stop)
        return slice(first, last) if first < last else slice(start, start + 1)

    def sizes(self, start: int, stop: int) -> tuple[int, ...]:
        """Count these places by process; empty where there is but one."""
        if self.ranks == 1:
            return ()
        size, more = divmod(stop - start, self.ranks)
        return tuple(size + (rank < more) for rank in range(self.ranks))


@dataclass(frozen=True)
class StepLoss:
    """A step's loss: the total to differentiate, and its named parts for the curves (detached scalars)."""

    total: Tensor
    parts: dict[str, Tensor]


Prepare = Callable[[Any], "np.ndarray"]
"""Turns one raw value (JPEG bytes, a caption, a vector) into the array its network reads."""


class Batches(Protocol):
    """Training pairs, epoch by epoch, in an order that the seed and the epoch alone decide."""

    def __len__(self) -> int:
        """Batches per epoch."""
        ...

    def epoch(self, epoch: int) -> Iterator[PairBatch]:
        """Yield the batches of one epoch."""
        ...

    def in_order(self) -> Iterator[PairBatch]:
        """Yield every item once in the order of the split, with its first caption."""
        ...


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that learn at one rate: the network of a modality, or what the method puts on top of it."""

    modality: Literal["image", "text"]
    part: Literal["backbone", "head"]
    parameters: list[Parameter]


TrainingPairs = Callable[[], "Iterator[PairBatch]"]
"""Starts a pass over the training set: every item once, in the order of the split, on the model's device."""


@runtime_checkable
class BitScalable(Protocol):
    """A method whose trained code is cut: the delivered code is its most significant bits."""

    def significances(self) -> dict[str, Tensor]:
        """How much each bit matters, by measure: float[train_bits], larger is kept first."""
        ...


@runtime_checkable
class Quantising(Protocol):
    """A method whose real vectors are also approximated by sums of words, one of each dictionary."""

    def dictionaries(self) -> Tensor:
        """The words: float[M, W, train_bits]."""
        ...

    def known_words(self) -> Tensor:
        """Words of some training vectors: int[S, M], where the search for a new vector's words starts."""
        ...


@dataclass(frozen=True)
class TrainingInputs:
    """What a method may know of the training set before the first step, in numpy.

    labels: uint8[N, C] of the training items; centers: int8[C, K] with tie_bits int8[K], where the method
    uses hash centres; short_matrix: float32[2K, 2k] with short_centers int8[C, k] and short_ties int8[k],
    where the loss looks at the delivered code.
    """

    labels: np.ndarray
    centers: np.ndarray | None = None
    tie_bits: np.ndarray | None = None
    short_matrix: np.ndarray | None = None
    short_centers: np.ndarray | None = None
    short_ties: np.ndarray | None = None
