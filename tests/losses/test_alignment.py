from __future__ import annotations

import numpy as np
import pytest
import torch

from crosshash.losses.alignment import bit_alignment


def loop_alignment(image: np.ndarray, text: np.ndarray, shared: np.ndarray, bits: list[int]) -> float:
    """Correlation of inner products with s_ij over all pairs, each side less its mean."""
    n = len(image)
    middle_image = [sum(image[i][b] for i in range(n)) / n for b in range(image.shape[1])]
    middle_text = [sum(text[j][b] for j in range(n)) / n for b in range(text.shape[1])]
    with_labels = squares = 0.0
    for i in range(n):
        for j in range(n):
            product = sum((image[i][b] - middle_image[b]) * (text[j][b] - middle_text[b]) for b in bits)
            with_labels += product * shared[i][j]
            squares += product**2
    return float(with_labels / squares**0.5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_step_leaves_out_the_bit_that_is_missed_least(seed: int) -> None:
    """Every choice against a loop over all pairs and all bits that could go."""
    generator = np.random.default_rng(seed)
    labels = (generator.random((9, 3)) < 0.4).astype(np.uint8)
    image, text = np.tanh(generator.normal(size=(2, 9, 6)) + (labels @ generator.normal(size=(3, 6))))
    shared = np.array([[float(any(a & b)) for b in labels] for a in labels])
    significance = bit_alignment(torch.from_numpy(image), torch.from_numpy(text), torch.from_numpy(labels))
    left = list(range(6))
    for place in range(1, 6):
        (gone,) = np.flatnonzero(np.isclose(significance.numpy(), place / 6))
        values = {bit: loop_alignment(image, text, shared, [b for b in left if b != bit]) for bit in left}
        assert gone == max(values, key=values.__getitem__)
        left.remove(int(gone))


@pytest.mark.parametrize("size", [2.0**-12, 2.0**12])
def test_the_size_of_the_codes_does_not_count(size: float) -> None:
    generator = np.random.default_rng(3)
    image, text = torch.from_numpy(generator.normal(size=(2, 9, 6)))
    labels = torch.from_numpy((generator.random((9, 3)) < 0.4).astype(np.uint8))
    found = bit_alignment(image, text, labels)
    assert found.tolist() != sorted(found.tolist())
    assert torch.equal(bit_alignment(size * image, size * text, labels), found)


def test_order_by_hand() -> None:
    """Four items, A A B B; bits of three patterns: p1 = ++-- (3 bits), p2 = +-+- (3), p3 = +--+ (2).

    With S, p1 has the inner product sum_ij s_ij p_i p_j = (1 + 1)^2 + (-1 - 1)^2 = 8, p2 and p3 have
    (1 - 1)^2 + (1 - 1)^2 = 0; with one another, equal patterns 4 x 4 = 16, others 0. So n1, n2, n3 bits of
    each have the alignment 8 n1 / sqrt(16 (n1^2 + n2^2 + n3^2)). Bits 0-2 are p2, 3-4 p3, 5-7 p1.
    (3, 3, 2): without one p2 17 stands below the root, without one p3 19: bit 0 goes. (3, 2, 2): equal,
    bit 1, the first. (3, 1, 2): without p2 13, without p3 11: bit 3. (3, 1, 1): equal, bit 2. Then bit 4,
    and of the three p1, which are worth the same, the first ones.
    """
    p1, p2, p3 = [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]
    codes = torch.tensor([p2, p2, p2, p3, p3, p1, p1, p1]).T.double()
    labels = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1]])
    significance = bit_alignment(codes, codes, labels)
    assert (significance * 8).tolist() == [1, 2, 4, 3, 5, 6, 7, 8]


def test_a_copy_of_a_good_bit_goes_before_a_weaker_one_that_is_new() -> None:
    """What a measure of each bit by itself cannot see."""
    generator = np.random.default_rng(0)
    labels = np.eye(4, dtype=np.uint8)[np.arange(400) % 4]
    first = np.where(np.arange(400) % 4 < 2, 1.0, -1.0)  # classes 0, 1 against 2, 3
    second = np.where(np.arange(400) % 2 < 1, 1.0, -1.0)  # 0, 2 against 1, 3
    weaker = second * generator.choice([1, -1], 400, p=[0.9, 0.1])
    codes = torch.from_numpy(np.stack([first, first, weaker], axis=1))
    significance = bit_alignment(codes, codes, torch.from_numpy(labels))
    assert significance.argmin() in (0, 1)


def test_constant_bits_and_labels_that_tell_nothing_are_no_error() -> None:
    codes = torch.tensor([[1.0, 1, -1], [1, -1, -1], [1, 1, -1]])
    for labels in (torch.ones(3, 1), torch.eye(3), torch.zeros(3, 2)):
        assert bit_alignment(codes, codes, labels).isfinite().all()
    constant = bit_alignment(torch.ones(3, 4), torch.ones(3, 4), torch.eye(3))
    assert constant.tolist() == [0.25, 0.5, 0.75, 1]


def test_constant_bits_go_before_one_that_tells_something() -> None:
    """Without it nothing is left that could agree with the labels: 0, not 0 / 0."""
    codes = torch.tensor([[1.0, 1, 1], [1, 1, 1], [1, -1, 1], [1, -1, 1]])
    significance = bit_alignment(codes, codes, torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1]]))
    assert significance.tolist() == pytest.approx([1 / 3, 1, 2 / 3])
