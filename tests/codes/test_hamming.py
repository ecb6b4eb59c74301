from __future__ import annotations

import numpy as np
import pytest

from crosshash.codes import hamming
from crosshash.codes.hashcodes import pack


@pytest.mark.parametrize("bits", [1, 7, 8, 16, 63, 64, 65, 200])
@pytest.mark.parametrize("block", [1, 1 << 24])
def test_equals_a_plain_loop(bits: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "BLOCK_BYTES", block)
    generator = np.random.default_rng(bits)
    one, other = generator.choice([-1, 1], (9, bits)), generator.choice([-1, 1], (5, bits))
    expected = [[sum(x != y for x, y in zip(a, b, strict=True)) for b in other] for a in one]
    assert hamming.distances(pack(one), pack(other)).tolist() == expected


def test_longest_distance_fits_the_type() -> None:
    one, other = pack(np.ones((1, 4096))), pack(-np.ones((1, 4096)))
    assert hamming.distances(one, other).tolist() == [[4096]]
    assert hamming.distances(one, other).dtype == np.uint16


@pytest.mark.parametrize(("one", "other"), [((2, 1), (2, 2)), ((2,), (2, 2)), ((2, 2), (2,))])
def test_other_widths_are_refused(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one width"):
        hamming.distances(np.zeros(one, np.uint8), np.zeros(other, np.uint8))
