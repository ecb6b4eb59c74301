"""Statistics of codes, against plain loops and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crosshash.report import code_statistics as module
from crosshash.report.code_statistics import code_statistics


def packed(rows: list[str]) -> np.ndarray:
    return np.packbits(np.array([[int(bit) for bit in row] for row in rows], np.uint8), axis=1)


def test_four_codes_by_hand() -> None:
    """Bits: 0011 (balance 1/2), 0001 (1/4), 1111 (constant), and 1100, the opposite of the first.

    Codes: 0011, 0011, 1010, 1110: three different ones, entropy 1/2 * 1 + 2 * 1/4 * 2 = 1.5 bits.
    Correlation of bits 1 and 2: covariance 1/4 - 1/8 = 1/8 over sqrt(1/4 * 3/16), 0.5774.
    """
    found = code_statistics(packed(["0011", "0011", "1010", "1110"]), 4)
    assert (found.codes, found.distinct, found.most_alike, found.constant_bits) == (4, 3, 2, 1)
    assert found.code_entropy == pytest.approx(1.5)
    assert found.balance.tolist() == [0.5, 0.25, 1.0, 0.5]
    quarter = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75))
    assert found.bit_entropy.tolist() == pytest.approx([1, quarter, 0, 1])
    assert found.correlation[0, 1] == pytest.approx(1 / math.sqrt(3))
    assert found.correlation[0, 3] == pytest.approx(-1)
    assert found.correlation[2].tolist() == [0, 0, 0, 0]
    assert sorted(found.pair_correlations) == pytest.approx([1 / math.sqrt(3), 1 / math.sqrt(3), 1])


@pytest.mark.parametrize(("items", "bits"), [(50, 3), (37, 20), (200, 65)])
def test_correlation_is_that_of_numpy(items: int, bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 16)
    ones = np.random.default_rng(bits).random((items, bits)) < 0.3
    found = code_statistics(np.packbits(ones, axis=1), bits)
    assert found.correlation == pytest.approx(np.corrcoef(ones.T.astype(float)), abs=1e-12)
    assert found.balance == pytest.approx(ones.mean(axis=0))


def test_no_code_and_one_code_have_nothing_to_correlate() -> None:
    none, one = code_statistics(np.empty((0, 1), np.uint8), 8), code_statistics(packed(["10"]), 2)
    assert (none.codes, none.distinct, none.balance.size, none.correlation.size) == (0, 0, 0, 0)
    assert (one.codes, one.distinct, one.constant_bits, one.code_entropy) == (1, 1, 2, 0.0)
    assert one.pair_correlations.size == none.pair_correlations.size == 0
