from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from crosshash.losses import likelihood
from crosshash.losses.likelihood import buffer_likelihood, pair_likelihood
from crosshash.losses.similarity import similar


def loop(codes: Tensor, others: Tensor, shared: Tensor, alpha: float) -> float:
    """Mean of log(1 + e^t) - s t, in float64."""
    total = 0.0
    for i in range(len(codes)):
        for j in range(len(others)):
            t = sum(float(a) * float(b) for a, b in zip(codes[i], others[j], strict=True)) / alpha
            total += math.log1p(math.exp(t)) - float(shared[i][j]) * t
    return total / (len(codes) * len(others))


def case(levels: int, items: int, stored: int, bits: int = 6) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = np.random.default_rng(0)
    codes = torch.from_numpy(np.tanh(generator.normal(size=(levels, items, bits))))
    buffer = torch.from_numpy(np.tanh(generator.normal(size=(stored, bits))))
    labels = torch.from_numpy((generator.random((items, 3)) < 0.5).astype(np.float32))
    stored_labels = torch.from_numpy((generator.random((stored, 3)) < 0.5).astype(np.uint8))
    return codes, buffer, labels, stored_labels


def test_pairs_against_a_loop() -> None:
    codes, buffer, labels, stored_labels = case(1, 4, 7)
    shared = similar(labels, stored_labels)
    expected = loop(codes[0], buffer, shared, 0.7)
    assert pair_likelihood(codes[0], buffer, shared, 0.7).item() == pytest.approx(expected, rel=1e-12)


def test_gradients_of_pairs_for_both_sides() -> None:
    """Against autograd over every pair by itself, and by the formula: d ell / dt = sigmoid(t) - s."""
    codes, buffer, labels, stored_labels = case(1, 4, 7)
    shared = similar(labels, stored_labels)
    ours, theirs = ([side.clone().requires_grad_() for side in (codes[0], buffer)] for _ in range(2))
    pair_likelihood(*ours, shared, 0.7).backward()  # type: ignore[no-untyped-call]
    total = torch.zeros((), dtype=torch.float64)
    for i in range(4):
        for j in range(7):
            t = (theirs[0][i] * theirs[1][j]).sum() / 0.7
            total = total + torch.log(1 + torch.exp(t)) - shared[i, j] * t
    (total / 28).backward()  # type: ignore[no-untyped-call]
    slopes = torch.sigmoid(codes[0] @ buffer.T / 0.7) - shared
    written = (slopes @ buffer / (0.7 * 28), slopes.T @ codes[0] / (0.7 * 28))
    for our, their, formula in zip(ours, theirs, written, strict=True):
        assert our.grad is not None
        assert their.grad is not None
        assert float((our.grad - their.grad).abs().max()) < 1e-14
        assert float((our.grad - formula).abs().max()) < 1e-14
        assert float(our.grad.abs().max()) > 1e-3


def test_pairs_by_hand() -> None:
    """2 x 8 codes against 2 x 8, entries +-1/4: inner products +-8/16, over alpha 1/4 that is t = +-2.

    a is like c and unlike d, b the other way round; a shares a label with c alone, b with c alone.
    ell(1, 2) = log(1 + e^2) - 2 = 0.126928, twice by a: ell(1, 2) and ell(0, -2) = log(1 + e^-2) = 0.126928.
    b: ell(1, -2) = 0.126928 + 2, ell(0, 2) = 2.126928. The mean is 0.126928 + 4 / 4 = 1.126928.
    """
    quarter = torch.full((8,), 0.25, dtype=torch.float64)
    codes, others = torch.stack([quarter, -quarter]), torch.stack([quarter, -quarter])
    shared = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert pair_likelihood(codes, others, shared, 0.25).item() == pytest.approx(1.126928, abs=1e-6)


@pytest.mark.parametrize("stored", [1, 5, 6, 7, 13])
def test_a_buffer_of_any_size_against_a_loop(stored: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "BLOCK", 3)
    codes, buffer, labels, stored_labels = case(5, 4, stored)
    shared = similar(labels, stored_labels)
    expected = sum(loop(level, buffer, shared, 0.7) for level in codes) / 5
    found = buffer_likelihood(codes, buffer, labels, stored_labels, 0.7)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_its_gradient_is_that_of_autograd(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient is made by hand beside the value; the buffer is a constant and gets none."""
    monkeypatch.setattr(likelihood, "BLOCK", 3)
    codes, buffer, labels, stored_labels = case(2, 4, 7)
    ours, theirs = codes.clone().requires_grad_(), codes.clone().requires_grad_()
    buffer.requires_grad_()
    (3 * buffer_likelihood(ours, buffer, labels, stored_labels, 0.7)).backward()  # type: ignore[no-untyped-call]
    shared = similar(labels, stored_labels)
    levels = [pair_likelihood(level, buffer.detach(), shared, 0.7) for level in theirs]
    (3 * torch.stack(levels).mean()).backward()  # type: ignore[no-untyped-call]
    assert ours.grad is not None
    assert theirs.grad is not None
    assert buffer.grad is None
    assert float((ours.grad - theirs.grad).abs().max()) < 1e-15
    assert float(theirs.grad.abs().max()) > 1e-3


def test_large_products_stay_finite() -> None:
    """log(1 + e^t), written out, is infinite from t = 89 on in float32: published code prints a warning."""
    codes = torch.ones(1, 2, 512, requires_grad=True)
    buffer = torch.cat([torch.ones(3, 512), -torch.ones(3, 512)])
    labels, stored_labels = torch.tensor([[1.0, 0], [0, 1.0]]), torch.eye(2).repeat_interleave(3, 0)
    value = buffer_likelihood(codes, buffer, labels, stored_labels, 1.0)
    value.backward()  # type: ignore[no-untyped-call]
    assert value.item() == pytest.approx(512 / 2)  # half of the pairs are wrong by 512
    assert codes.grad is not None
    assert codes.grad.isfinite().all()


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches the results of all operations: the most numbers that one of them holds."""

    numbers = 0

    def __torch_dispatch__(
        self,
        operation: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - torch's own
        result = operation(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and not result._is_view():
            self.numbers = max(self.numbers, result.numel())
        return result


def test_no_matrix_of_all_pairs_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held at once follows the block and the batch, not the number of training items."""
    monkeypatch.setattr(likelihood, "BLOCK", 16)
    seen = []
    for stored in (64, 640):
        codes, buffer, labels, stored_labels = case(5, 4, stored)
        with Largest() as watched:  # type: ignore[no-untyped-call]
            buffer_likelihood(codes.requires_grad_(), buffer, labels, stored_labels, 0.7).backward()  # type: ignore[no-untyped-call]
        seen.append(watched.numbers)
    assert seen == [5 * 4 * 16] * 2
