"""How far apart code words can be at most, so that a reached minimum distance can be judged."""

from __future__ import annotations

from math import comb

import numpy as np

LINEAR_PROGRAM_BITS = 128
"""Longest words for which Delsarte's linear program is solved; above, only Plotkin's bound is taken."""


def best_known_distance(count: int, bits: int) -> tuple[int, str]:
    """Give the largest minimum distance that no bound forbids for `count` words of `bits` bits, and its name.

    The bound named is the one that excludes the next distance: "Plotkin" (IRE Trans. Inf. Theory 6, 1960,
    with shortening), "Delsarte" (linear program, Philips Res. Rep. Suppl. 10, 1973) or "length", where the
    whole word differs already.
    """
    if count > 2**bits:
        raise ValueError(f"there are only 2^{bits} words of {bits} bits, not {count}")
    low, high, name = 1, bits, "length"
    while low < high:
        middle = (low + high + 1) // 2
        excluded = _excluded_by(count, bits, middle)
        if excluded:
            high, name = middle - 1, excluded
        else:
            low = middle
    return low, name


def _excluded_by(count: int, bits: int, distance: int) -> str | None:
    """Name the bound that forbids `count` words at this distance, if any."""
    if distance % 2:
        # A parity bit turns an odd distance d into d + 1 and keeps the number of words.
        bits, distance = bits + 1, distance + 1
    if plotkin(bits, distance) < count:
        return "Plotkin"
    if bits <= LINEAR_PROGRAM_BITS + 1 and count > delsarte(bits, distance):
        return "Delsarte"
    return None


def plotkin(bits: int, distance: int) -> int:
    """Bound the number of words at an even distance; shortening by one bit keeps at least half of them."""
    cut = max(0, bits - 2 * distance)
    bits -= cut
    most = 4 * distance if bits == 2 * distance else 2 * (distance // (2 * distance - bits))
    return most << cut


def delsarte(bits: int, distance: int) -> float:
    """Bound the number of words at an even distance by the linear program over distance distributions.

    Words of even weight suffice for an even distance, so that only even distances enter. The solver's
    rounding (about 1e-9 of the value) is given away.
    """
    from scipy.optimize import linprog

    weights = [weight for weight in range(distance, bits + 1) if weight % 2 == 0]
    columns = [_krawtchouk(bits, weight) for weight in weights]
    scale = [comb(bits, k) for k in range(1, bits // 2 + 1)]
    matrix = np.array([[-column[k] / size for column in columns] for k, size in enumerate(scale, start=1)])
    solved = linprog(-np.ones(len(weights)), A_ub=matrix, b_ub=np.ones(len(scale)), method="highs")
    if solved.fun is None:
        return float("inf")
    return (1 - float(solved.fun)) * (1 + 1e-6)


def _krawtchouk(bits: int, weight: int) -> list[int]:
    """Give K_0(weight) .. K_bits(weight): the coefficients of (1 - z)^weight (1 + z)^(bits - weight)."""
    row = [(-1) ** k * comb(weight, k) for k in range(weight + 1)]
    for _ in range(bits - weight):
        row = [a + b for a, b in zip([*row, 0], [0, *row], strict=True)]
    return row
