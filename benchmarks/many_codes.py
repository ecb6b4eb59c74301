"""Codes around prototypes by the hundred million, made a byte at a time, and real queries like them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from crosshash.mapped import new_array
from crosshash.seeding import stream

FLIPS = (1, 0, 1, 1, 0, 0, 0)  # lowest first: a bit is flipped with probability 0.0001101 in binary
FLIPPED = 0b1101 / 2**7  # 10.2 %
BLOCK = 1 << 20
SHARD = 1 << 24


@dataclass(frozen=True)
class ManyCodes:
    """Codes of so many bits around so many random prototypes."""

    bits: int
    prototypes: int

    def write_shards(self, folder: Path, items: int) -> list[Path]:
        """Write packed codes uint8[n, bits / 8] in .npy files of at most 2^24 codes."""
        folder.mkdir(parents=True)
        paths = []
        for number, start in enumerate(range(0, items, SHARD)):
            paths.append(folder / f"{number:04d}.npy")
            codes = new_array(paths[-1], np.uint8, (min(SHARD, items - start), self.bits // 8))
            for at in range(0, len(codes), BLOCK):
                block = codes[at : at + BLOCK]
                block[:] = self.codes(f"items {start + at}", len(block))
            codes.flush()  # type: ignore[attr-defined]
        return paths

    def codes(self, name: str, count: int) -> NDArray[np.uint8]:
        """Flip bits of prototypes: packed uint8[count, bits / 8]."""
        generator = stream(0, "benchmark", "billion", name)
        near = self._near[generator.integers(self.prototypes, size=count)]
        flipped = np.zeros_like(near)
        for place in FLIPS:
            random = generator.integers(0, 256, near.shape, np.uint8)
            flipped = flipped | random if place else flipped & random
        return near ^ flipped

    def reals(self, name: str, count: int) -> NDArray[np.float32]:
        """Add noise to the signs of prototypes, so much that FLIPPED of them change: float32[count, bits]."""
        generator = stream(0, "benchmark", "billion", "real", name)
        signs = np.unpackbits(self._near[generator.integers(self.prototypes, size=count)], axis=1)
        noise = generator.standard_normal(signs.shape) / NormalDist().inv_cdf(1 - FLIPPED)
        return (2.0 * signs - 1 + noise).astype(np.float32)

    @property
    def _near(self) -> NDArray[np.uint8]:
        generator = stream(0, "benchmark", "billion", "prototypes")
        return generator.integers(0, 256, (self.prototypes, self.bits // 8), np.uint8)
