"""How well a set of codes uses its bits: balance, entropy, correlation, different codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.different_rows import different_rows

BLOCK = 8192
"""Codes that are unpacked at once; sums over so many zeros and ones are exact in float32."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class CodeStatistics:
    """Of N codes of K bits.

    most_alike: items that share the most frequent code; balance: float64[K], share of +1 of each bit;
    correlation: float64[K, K], 0 for bits that are the same everywhere.
    """

    codes: int
    distinct: int
    most_alike: int
    code_entropy: float
    balance: Values
    correlation: Values

    @property
    def bit_entropy(self) -> Values:
        """Entropy of each bit: float64[K], in bits; 1 where it splits the items evenly."""
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = [-share * np.log2(share) for share in (self.balance, 1 - self.balance)]
        return np.nan_to_num(terms[0]) + np.nan_to_num(terms[1])

    @property
    def constant_bits(self) -> int:
        """Bits that are the same for all items."""
        return int(np.isin(self.balance, (0, 1)).sum())

    @property
    def pair_correlations(self) -> Values:
        """Absolute correlation of each two different bits of which neither is constant: float64[M]."""
        varying = ~np.isin(self.balance, (0, 1))
        square = np.abs(self.correlation[np.ix_(varying, varying)])
        return square[np.triu_indices(len(square), 1)]


def code_statistics(packed: NDArray[np.uint8], bits: int) -> CodeStatistics:
    """Describe codes uint8[N, ceil(K/8)]; without any, balance and correlation are empty."""
    count = len(packed)
    if not count:
        return CodeStatistics(0, 0, 0, 0.0, np.empty(0), np.empty((0, 0)))
    _, alike = different_rows(packed)
    shares = alike / count
    both = np.zeros((bits, bits))
    for start in range(0, count, BLOCK):
        ones = np.unpackbits(packed[start : start + BLOCK], axis=1, count=bits).astype(np.float32)
        both += ones.T @ ones
    balance = both.diagonal() / count
    covariance = both / count - np.outer(balance, balance)
    deviation = np.sqrt(balance * (1 - balance))
    scale = np.outer(deviation, deviation)
    correlation = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    entropy = float(-(shares * np.log2(shares)).sum()) + 0.0  # no negative zero
    return CodeStatistics(count, len(alike), int(alike.max()), entropy, balance, correlation.clip(-1, 1))
