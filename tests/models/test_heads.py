from __future__ import annotations

import numpy as np
import pytest
import torch

from crosshash.models.heads import SelectingHead, pair_entropy, quantisation


def pairs_of(margin: np.ndarray) -> np.ndarray:
    """Probabilities float64[B, 2K] of the pairs, negative halves first: softmax over (0, d)."""
    rows = []
    for row in margin:
        positive = [np.exp(d) / (1 + np.exp(d)) for d in row]
        rows.append([1 - p for p in positive] + positive)
    return np.array(rows)


def one_hot(target: np.ndarray) -> np.ndarray:
    return np.array([[float(t < 0) for t in row] + [float(t > 0) for t in row] for row in target])


def entropy_by_loops(margin: np.ndarray, target: np.ndarray) -> float:
    """Binary cross-entropy over all 2K outputs, as published."""
    probabilities, wanted = pairs_of(margin), one_hot(target)
    terms = []
    for p_row, t_row in zip(probabilities, wanted, strict=True):
        for p, t in zip(p_row, t_row, strict=True):
            terms.append(-(t * np.log(p) + (1 - t) * np.log(1 - p)))
    return float(np.mean(terms))


def quantisation_by_loops(margin: np.ndarray) -> float:
    terms = [(2 * p - 1) ** 2 for row in pairs_of(margin) for p in row]
    return 1 - float(np.mean(terms))


@pytest.mark.parametrize("shape", [(1, 1), (4, 8), (5, 3), (2, 64)])
def test_losses_equal_the_published_formulas(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    margin = generator.normal(0, 3, shape)
    target = generator.choice([-1.0, 1.0], shape)
    entropy = pair_entropy(torch.from_numpy(margin), torch.from_numpy(target))
    assert float(entropy) == pytest.approx(entropy_by_loops(margin, target), rel=1e-12)
    assert float(quantisation(torch.from_numpy(margin))) == pytest.approx(
        quantisation_by_loops(margin), rel=1e-12
    )


def test_a_case_of_four_items_and_eight_bits_worked_by_hand() -> None:
    """Margins are 0 or log 3, for which p_pos is 1/2 or 3/4.

    Item 1: all 8 margins 0: cross-entropy log 2 each. Item 2: all log 3, targets +: -log(3/4) each. Item 3:
    all log 3, targets -: -log(1/4) each. Item 4: four bits as item 1, four as item 2.
    Mean of the cross-entropy: [log 2 + log(4/3) + log 4 + (log 2 + log(4/3)) / 2] / 4.
    (2p - 1)^2 is 0 or 1/4; of 32 bits 8 + 4 have 0 and 20 have 1/4: Q = 1 - (20 / 32) / 4 = 27 / 32.
    """
    margin = torch.full((4, 8), float(np.log(3)), dtype=torch.float64)
    margin[0] = margin[3, :4] = 0
    target = torch.ones(4, 8, dtype=torch.float64)
    target[2] = -1
    by_hand = (np.log(2) + np.log(4 / 3) + np.log(4) + (np.log(2) + np.log(4 / 3)) / 2) / 4
    assert float(pair_entropy(margin, target)) == pytest.approx(by_hand, rel=1e-12)
    assert float(quantisation(margin)) == pytest.approx(27 / 32, rel=1e-12)


def test_large_margins_neither_overflow_nor_lose_their_gradient() -> None:
    """log(1 + exp(d)) would be infinite from d = 89 on in float32."""
    margin = torch.tensor([[200.0, -200.0]], requires_grad=True)
    loss = pair_entropy(margin, torch.tensor([[-1.0, -1.0]]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 100
    assert margin.grad is not None
    assert margin.grad.tolist() == [[0.5, 0.0]]
    assert quantisation(margin).item() == 0


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize("items", [1, 2, 3, 4, 5])
def test_the_batch_axis_stays(norm: str, items: int) -> None:
    head = SelectingHead(6, 10, norm).eval()  # type: ignore[arg-type]
    assert head(torch.randn(items, 6)).shape == (items, 10)
    if norm == "layer" or items > 1:
        assert head.train()(torch.randn(items, 6)).shape == (items, 10)


def test_the_margin_is_the_positive_minus_the_negative_half_after_relu() -> None:
    """Two bits: outputs (1, -2 | 3, 5) become (1, 0 | 3, 5) by ReLU, margins (3 - 1, 5 - 0)."""
    head = SelectingHead(4, 2, "layer").eval()
    with torch.no_grad():
        head.pairs.weight.zero_()
        head.pairs.bias.copy_(torch.tensor([1.0, -2.0, 3.0, 5.0]))
    assert head(torch.randn(3, 4)).tolist() == [[2.0, 5.0]] * 3


def test_the_softmax_of_a_pair_is_the_sigmoid_of_its_margin() -> None:
    head = SelectingHead(4, 3, "layer").eval()
    embedding = torch.randn(5, 4)
    outputs = torch.relu(head.pairs(head.norm(head.out(head.value(embedding)))))
    pair = torch.stack([outputs[:, :3], outputs[:, 3:]]).softmax(dim=0)
    assert torch.allclose(pair[1], torch.sigmoid(head(embedding)), atol=1e-6)
    assert torch.allclose(pair[0], torch.sigmoid(-head(embedding)), atol=1e-6)


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_every_parameter_gets_a_gradient(norm: str) -> None:
    torch.manual_seed(0)
    head = SelectingHead(6, 10, norm)  # type: ignore[arg-type]
    margin = head(torch.randn(8, 6))
    (pair_entropy(margin, torch.ones_like(margin)) + quantisation(margin)).backward()  # type: ignore[no-untyped-call]
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_margins_are_float32_whatever_the_layers_compute_in() -> None:
    head = SelectingHead(6, 10, "layer")
    with torch.autocast("cpu", torch.bfloat16):
        assert head(torch.randn(2, 6)).dtype == torch.float32
