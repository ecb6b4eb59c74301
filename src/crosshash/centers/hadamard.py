"""Hadamard matrices: square, entries +-1, every two rows differ in exactly half of the columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosshash.centers.fields import powers, prime_power

Matrix = NDArray[np.int8]


def hadamard(order: int) -> Matrix | None:
    """Build a Hadamard matrix int8[order, order] with first row and column +1, or give None.

    Sylvester's doubling and Paley's two constructions (J. Math. Phys. 12, 1933). They reach every multiple of
    4 up to 100 but 92, and most above.
    """
    if order in (1, 2):
        return np.array([[1, 1], [1, -1]], dtype=np.int8)[:order, :order]
    if order < 1 or order % 4:
        return None
    matrix = None if order & (order - 1) == 0 else _paley(order)
    if matrix is None:
        half = hadamard(order // 2)
        if half is None:
            return None
        matrix = np.block([[half, half], [half, -half]])
    matrix = matrix * matrix[0]
    return np.asarray(matrix * matrix[:, :1], dtype=np.int8)


def next_order(bits: int) -> int:
    """Give the smallest order of at least `bits` that `hadamard` reaches."""
    if bits <= 2:
        return bits
    order = -(-bits // 4) * 4
    while not _reached(order):
        order += 4
    return order


def _reached(order: int) -> bool:
    """Tell whether `hadamard(order)` is not None for an order above 2, without building it."""
    if order % 4:
        return False
    first, second = prime_power(order - 1), prime_power(order // 2 - 1)
    return first is not None or (second is not None and order % 8 == 4) or _reached(order // 2)


def _paley(order: int) -> Matrix | None:
    """Paley I for order q + 1, q = 3 mod 4; Paley II for order 2 (q + 1), q = 1 mod 4; q a prime power."""
    field = prime_power(order - 1)
    if field is not None:
        core = _jacobsthal(*field)
        matrix = np.ones((order, order), dtype=np.int8)
        matrix[1:, 0] = -1
        matrix[1:, 1:] = core + np.eye(order - 1, dtype=np.int8)
        return matrix
    field = prime_power(order // 2 - 1)
    if field is None or order % 8 != 4:
        return None
    conference = np.ones((order // 2, order // 2), dtype=np.int8)
    conference[0, 0] = 0
    conference[1:, 1:] = _jacobsthal(*field)
    one, other = np.array([[1, 1], [1, -1]], dtype=np.int8), np.array([[1, -1], [-1, -1]], dtype=np.int8)
    return np.kron(conference, one) + np.kron(np.eye(order // 2, dtype=np.int8), other)


def _jacobsthal(p: int, m: int) -> Matrix:
    """Give chi(x - y) for all x, y of GF(p^m): +1 for squares, -1 for non-squares, 0 for zero; int8[q, q]."""
    q, place = p**m, p ** np.arange(m)
    character = np.zeros(q, dtype=np.int8)
    character[powers(p, m) @ place] = np.where(np.arange(q - 1) % 2, -1, 1)
    digits = np.arange(q)[:, None] // place % p
    difference = np.zeros((q, q), dtype=np.int32)
    for digit, weight in zip(digits.T, place, strict=True):
        difference += ((digit[:, None] - digit) % p * weight).astype(np.int32)
    return character[difference]
