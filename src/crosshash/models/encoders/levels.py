"""What a network holds at four depths, for methods that hash more than the embedding."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

Levels = tuple[Tensor, Tensor, Tensor, Tensor]
Widths = tuple[int, int, int, int]
Pool = Callable[[Tensor], Tensor]


class Encoder(nn.Module):
    """A network: `encoder(x)` is the embedding float[B, dim], `encoder.levels(x)` four depths of one pass."""

    @property
    def level_dims(self) -> Widths:
        """Widths of the four levels.

        Raises:
            CrosshashError: the network has no four depths to show.
        """
        raise NotImplementedError

    def levels(self, x: Tensor) -> Levels:
        """Give four different tensors float[B, level_dims[i]], shallow to deep; the last is the embedding.

        Raises:
            CrosshashError: the network has no four depths to show.
        """
        raise NotImplementedError


def evenly(count: int) -> tuple[int, int, int]:
    """Choose three of `count` depths in order: the first, and those after one and two thirds."""
    return 0, count // 3, 2 * count // 3


def token_mean(tokens: Tensor) -> Tensor:
    """Average float[B, L, C] over the tokens."""
    return tokens.mean(1)


def map_mean(maps: Tensor) -> Tensor:
    """Average float[B, C, H, W] over the picture."""
    return maps.mean((2, 3))


@contextmanager
def tapped(modules: Sequence[nn.Module], pool: Pool) -> Iterator[list[Tensor]]:
    """Collect what enters each of the modules during one forward pass, pooled on the spot.

    Pooling at once matters: layers that work in place overwrite what they were given. Passes of other
    threads through the same network leave nothing here.
    """
    caller, found = threading.get_ident(), list[Tensor]()

    def keep(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        if threading.get_ident() == caller:
            found.append(pool(inputs[0]))

    handles = [module.register_forward_pre_hook(keep) for module in modules]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
