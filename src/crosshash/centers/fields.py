"""Finite fields, as far as Hadamard matrices and BCH codes need them."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray


def prime_power(q: int) -> tuple[int, int] | None:
    """Write q as p^m with p prime, or give None."""
    if q < 2:
        return None
    p = next((p for p in range(2, int(q**0.5) + 1) if q % p == 0), q)
    m, rest = 0, q
    while rest % p == 0:
        rest, m = rest // p, m + 1
    return (p, m) if rest == 1 else None


def powers(p: int, m: int) -> NDArray[np.int64]:
    """List the powers g^0 .. g^(q-2) of a primitive element of GF(q), q = p^m, as digits int64[q - 1, m].

    Row i holds the coefficients of g^i over GF(p), constant term first. Which g: the first one found in the
    order of coefficients, so the list is the same on every machine.
    """
    # x is primitive modulo the first monic polynomial x^m - sum(c_j x^j) under which it has order q - 1.
    for reversed_step in product(range(p), repeat=m):
        step = reversed_step[::-1]
        found = _orbit(p, step)
        if len(found) == p**m - 1:
            return np.array(found, dtype=np.int64)
    raise AssertionError(f"every finite field has a primitive element, GF({p}^{m}) too")


def _orbit(p: int, step: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Multiply 1 by x again and again, modulo the polynomial that `step` stands for, until it returns."""
    one = (1,) + (0,) * (len(step) - 1)
    found = [one]
    element = one
    while True:
        top = element[-1]
        shifted = (0, *element[:-1])
        element = tuple((digit + top * c) % p for digit, c in zip(shifted, step, strict=True))
        if element == one or not any(element) or len(found) >= p ** len(step):
            return found
        found.append(element)
