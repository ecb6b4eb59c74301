from __future__ import annotations

import numpy as np
import pytest

from crosshash.centers.fields import powers, prime_power


def test_prime_powers() -> None:
    found = {q: prime_power(q) for q in range(1, 33)}
    fields = {q for q, field in found.items() if field}
    assert fields == {2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 19, 23, 25, 27, 29, 31, 32}
    assert found[27] == (3, 3)
    assert found[32] == (2, 5)


@pytest.mark.parametrize(("p", "m"), [(2, 1), (2, 4), (3, 3), (5, 2), (7, 1), (43, 1)])
def test_powers_list_every_nonzero_element_once(p: int, m: int) -> None:
    found = powers(p, m)
    assert found.shape == (p**m - 1, m)
    assert found[0].tolist() == [1] + [0] * (m - 1)
    assert len({tuple(row) for row in found.tolist()}) == p**m - 1
    assert found.any(axis=1).all()


def test_powers_multiply() -> None:
    """In GF(2^3) adding is exclusive or, and g^a + g^b = g^c implies g^(a+1) + g^(b+1) = g^(c+1)."""
    found = (powers(2, 3) @ np.array([1, 2, 4])).tolist()
    for a in range(7):
        for b in range(7):
            if a != b:
                c = found.index(found[a] ^ found[b])
                assert found[(a + 1) % 7] ^ found[(b + 1) % 7] == found[(c + 1) % 7]
