"""Binary linear codes, given by generator matrices uint8[k, n], and one code that is better than linear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.centers.fields import powers
from crosshash.codes.hamming import words

Bits = NDArray[np.uint8]


def encode(messages: NDArray[np.int64], generator: Bits) -> Bits:
    """Give the code words uint8[M, n] of messages int64[M], numbers below 2^k whose bits choose rows."""
    digits = (messages[:, None] >> np.arange(len(generator))) & 1
    return (digits.astype(np.float32) @ generator.astype(np.float32) % 2).astype(np.uint8)


def weights(generator: Bits) -> NDArray[np.int64]:
    """Count the ones of every code word but the zero word: int64[2^k - 1], messages 1, 2, ... in order.

    The smallest is the minimum distance; it is 0 when the rows are linearly dependent.
    """
    rows = words(np.packbits(generator, axis=1))
    span = np.zeros((len(rows), 1), dtype=np.uint64)
    for row in range(len(generator)):
        span = np.concatenate([span, span ^ rows[:, row : row + 1]], axis=1)
    counts: NDArray[np.int64] = np.bitwise_count(span[:, 1:]).sum(axis=0, dtype=np.int64)
    return counts


def reduced(matrix: Bits) -> Bits:
    """Bring a matrix over GF(2) to reduced row echelon form without zero rows."""
    matrix = matrix.copy()
    rank = 0
    for column in range(matrix.shape[1]):
        below = np.flatnonzero(matrix[rank:, column])
        if not below.size:
            continue
        pivot = rank + below[0]
        matrix[[rank, pivot]] = matrix[[pivot, rank]]
        others = np.flatnonzero(matrix[:, column])
        matrix[others[others != rank]] ^= matrix[rank]
        rank += 1
        if rank == len(matrix):
            break
    return matrix[:rank]


def shortened(generator: Bits, count: int) -> Bits:
    """Keep the words that are zero in the first `count` columns, and drop these: the distance stays."""
    echelon = reduced(generator)
    return echelon[~echelon[:, :count].any(axis=1), count:]


def extended_bch(m: int, dimension: int) -> tuple[Bits, int] | None:
    """Build the smallest extended primitive BCH code of length 2^m with at least `dimension` dimensions.

    Returns generator and designed distance; None when there is none. The words of a cyclic code of length
    n = 2^m - 1 are the sums of traces Tr(a_j x^(-j t)), t = 0 .. n - 1, over the exponents j that are no
    roots (Mattson & Solomon, J. SIAM 9, 1961). The roots here are x^1, x^2, ... up to the designed distance.
    """
    n = 2**m - 1
    if not 1 <= dimension <= n:
        return None
    field = powers(2, m).astype(np.uint8)
    rows: list[Bits] = []
    kept, designed = 1, n + 1
    for coset in reversed(_cosets(n)):
        if kept >= dimension:
            break
        traces = reduced(np.ascontiguousarray(field[-coset[0] * np.arange(n) % n].T))
        rows.append(np.pad(traces, ((0, 0), (0, 1))))
        kept, designed = kept + len(coset), coset[0] + 1
    # The all-one word comes last: whoever needs fewer dimensions leaves it out, and antipodal pairs with it.
    return np.concatenate([*rows, np.ones((1, n + 1), dtype=np.uint8)]), designed


def _cosets(n: int) -> list[list[int]]:
    """Split the exponents 1 .. n - 1 into classes closed under doubling modulo n, by smallest member."""
    seen: set[int] = set()
    cosets: list[list[int]] = []
    for start in range(1, n):
        if start in seen:
            continue
        coset = [start]
        while (following := coset[-1] * 2 % n) != start:
            coset.append(following)
        seen.update(coset)
        cosets.append(coset)
    return cosets


def quasi_cyclic(polynomials: Bits, dimension: int) -> Bits:
    """Put circulants side by side: polynomials uint8[t, m] to a generator uint8[dimension, t m]."""
    m = polynomials.shape[1]
    shifts = (np.arange(m) - np.arange(dimension)[:, None]) % m
    return np.concatenate(list(polynomials[:, shifts]), axis=1)


def nordstrom_robinson() -> Bits:
    """List the 256 words of length 16 and distance 6, twice as many as any linear code has; uint8[256, 16].

    Gray image of the octacode over Z4 (Forney, Sloane & Trott 1993): the cyclic code of length 7 with
    generator x^3 + 2 x^2 + x + 3, and a parity digit.
    """
    shifts = (np.arange(7) - np.arange(4)[:, None]) % 7
    cyclic = np.array([3, 1, 2, 1, 0, 0, 0])[shifts]
    octacode = np.concatenate([cyclic, -cyclic.sum(axis=1, keepdims=True) % 4], axis=1)
    messages = np.arange(256)[:, None] // 4 ** np.arange(4) % 4
    digits = messages @ octacode % 4
    return np.concatenate([digits >= 2, (digits == 1) | (digits == 2)], axis=1).astype(np.uint8)
