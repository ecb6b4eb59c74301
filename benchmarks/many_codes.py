"""Codes around prototypes by the hundred million, made in words of 64 bits, and real queries like them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.mapped import new_array
from crosshash.seeding import stream

PROTOTYPES = 100_000
FLIPS = (1, 0, 1, 1, 0, 0, 0)  # lowest first: a bit is flipped with probability 0.0001101 in binary, 10.2 %
BLOCK = 1 << 20
SHARD = 1 << 24


def write_shards(folder: Path, items: int, bits: int) -> list[Path]:
    """Write packed codes uint8[n, bits / 8] in .npy files of at most 2^24 codes."""
    folder.mkdir(parents=True)
    paths = []
    for number, start in enumerate(range(0, items, SHARD)):
        paths.append(folder / f"{number:04d}.npy")
        codes = new_array(paths[-1], np.uint8, (min(SHARD, items - start), bits // 8))
        for at in range(0, len(codes), BLOCK):
            block = codes[at : at + BLOCK]
            block[:] = around(f"items {start + at}", len(block), bits)
        codes.flush()  # type: ignore[attr-defined]
    return paths


def around(name: str, count: int, bits: int) -> NDArray[np.uint8]:
    """Flip bits of random prototypes: packed uint8[count, bits / 8]."""
    generator = stream(0, "benchmark", "billion", name)
    near = _prototypes(bits)[generator.integers(PROTOTYPES, size=count)]
    flipped = np.zeros_like(near)
    for place in FLIPS:
        random = generator.integers(0, 256, near.shape, np.uint8)
        flipped = flipped | random if place else flipped & random
    return near ^ flipped


def reals_around(name: str, count: int, bits: int) -> NDArray[np.float32]:
    """Add noise to the signs of random prototypes, so much that 10 % change: float32[count, bits]."""
    generator = stream(0, "benchmark", "billion", "real", name)
    signs = np.unpackbits(_prototypes(bits)[generator.integers(PROTOTYPES, size=count)], axis=1)
    return (2.0 * signs - 1 + generator.standard_normal(signs.shape) / 1.2816).astype(np.float32)


def _prototypes(bits: int) -> NDArray[np.uint8]:
    generator = stream(0, "benchmark", "billion", "prototypes")
    return generator.integers(0, 256, (PROTOTYPES, bits // 8), np.uint8)
