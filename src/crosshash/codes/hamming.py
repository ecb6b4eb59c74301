"""Hamming distances between packed hash codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 24
"""Size of the temporary of xor-ed bytes; it keeps memory flat however many codes are compared."""


def distances(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Count the differing bits of every pair: packed uint8[Na, W] and uint8[Nb, W] to uint16[Na, Nb]."""
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"packed codes of one width are needed, not {a.shape} and {b.shape}")
    words_a, words_b = words(a), words(b)
    result = np.zeros((len(a), len(b)), dtype=np.uint16)
    step = max(1, BLOCK_BYTES // max(1, 8 * len(b)))
    for start in range(0, len(a), step):
        block = result[start : start + step]
        for word_a, word_b in zip(words_a[:, start : start + step], words_b, strict=True):
            block += np.bitwise_count(word_a[:, None] ^ word_b[None, :])
    return result


def words(packed: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Regroup uint8[N, W] into uint64[ceil(W/8), N], zeros appended; the order of bits is not kept."""
    width = -(-packed.shape[1] // 8) * 8
    padded = np.zeros((len(packed), width), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    return np.ascontiguousarray(padded.view(np.uint64).T)
