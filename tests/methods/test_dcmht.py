from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crosshash.methods.dcmht import build, cosine_loss, distance_loss
from crosshash.models.towers import build_towers
from tests.methods.cases import BITS, IMAGE, TEXT, batch
from tests.methods.cases import pairs as learnable

# Items a, b, c, d over 8 bits; t = 2p - 1. a, b share a label, and c, d do.
SIGNS = torch.tensor([[1.0] * 8, [1.0] * 6 + [-1.0] * 2, [-1.0] * 8, [-1.0] * 8])
SHARED = torch.tensor([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]])


def pairs(codes: np.ndarray) -> np.ndarray:
    """p in [0, 1]^{2K}: first all negative halves, then all positive ones."""
    return np.concatenate([(1 - codes) / 2, (1 + codes) / 2], axis=1)


def loop_distance(first: np.ndarray, second: np.ndarray, shared: np.ndarray, margin: float) -> float:
    total = 0.0
    for i, p in enumerate(pairs(first)):
        for j, q in enumerate(pairs(second)):
            d = math.sqrt(sum((x - y) ** 2 for x, y in zip(p, q, strict=True)))
            total += (shared[i, j] * d) ** 2 + ((1 - shared[i, j]) * (margin - min(d, margin))) ** 2
    return total / shared.size


def loop_cosine(first: np.ndarray, second: np.ndarray, shared: np.ndarray) -> float:
    total = 0.0
    for i, p in enumerate(pairs(first)):
        for j, q in enumerate(pairs(second)):
            cosine = float(p @ q) / math.sqrt(float(p @ p) * float(q @ q))
            cosine = min(max(cosine, 0.1), 0.9)
            total -= shared[i, j] * math.log(cosine) + (1 - shared[i, j]) * math.log(1 - cosine)
    return total / shared.size


def drawn(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = np.random.default_rng(seed)
    codes = [torch.from_numpy(generator.uniform(-1, 1, (n, 8))) for n in (5, 7)]
    return codes[0], codes[1], torch.from_numpy((generator.random((5, 7)) < 0.4).astype(np.float64))


@pytest.mark.parametrize("vartheta", [0.05, 0.3, 0.75])
def test_distances_against_a_loop(vartheta: float) -> None:
    first, second, shared = drawn()
    margin = math.sqrt(2 * 8 * vartheta)
    loop = loop_distance(first.numpy(), second.numpy(), shared.numpy(), margin)
    assert float(distance_loss(first, second, shared, margin)) == pytest.approx(loop, abs=1e-10)


def test_cosines_against_a_loop() -> None:
    first, second, shared = drawn()
    loop = loop_cosine(first.numpy(), second.numpy(), shared.numpy())
    assert float(cosine_loss(first, second, shared)) == pytest.approx(loop, abs=1e-10)


def test_distances_by_hand() -> None:
    """Codes that differ in n bits are d^2 = 2n apart in p, so m^2 = 2 x 8 x 0.75 = 12.

    Similar pairs: a-b and b-a differ in 2 bits, 4 each; the diagonal, c-d and d-c give 0: 8 in all.
    Dissimilar pairs: a-c, a-d and back differ in 8 bits, d = 4 > m = 3.4641: 0. b-c, b-d and back differ in 6
    bits, d = sqrt(12) = m: 0. With m^2 = 2 x 8 x 1 = 16: (4 - sqrt(12))^2 = 0.287187 four times, 1.148748.
    """
    assert float(distance_loss(SIGNS, SIGNS, SHARED, math.sqrt(12))) == pytest.approx(8 / 16, abs=1e-6)
    assert float(distance_loss(SIGNS, SIGNS, SHARED, 4.0)) == pytest.approx((8 + 1.148748) / 16, abs=1e-6)


def test_cosines_by_hand() -> None:
    """Whole codes that differ in n of 8 bits have cosine (8 - n) / 8.

    Similar: 1, clipped to 0.9, six times: -ln 0.9; 6/8 twice (a-b, b-a): -ln 0.75.
    Dissimilar: 0, clipped to 0.1, four times (a-c, a-d and back): -ln 0.9; 2/8 four times: -ln 0.75.
    """
    expected = (10 * -math.log(0.9) + 6 * -math.log(0.75)) / 16
    assert float(cosine_loss(SIGNS, SIGNS, SHARED)) == pytest.approx(expected, abs=1e-6)


def test_gradients_of_cosines_are_those_of_the_cross_entropy() -> None:
    """No cosine of this set is clipped, so that autograd over p itself has the same."""
    first, second, shared = drawn(45)
    ours, theirs = ([codes.clone().requires_grad_() for codes in (first, second)] for _ in range(2))
    cosine_loss(*ours, shared).backward()  # type: ignore[no-untyped-call]
    p, q = (torch.cat([(1 - codes) / 2, (1 + codes) / 2], 1) for codes in theirs)
    cosine = (p @ q.T) / (p.norm(dim=1)[:, None] * q.norm(dim=1)[None])
    assert float(cosine.detach().min()) > 0.1
    assert float(cosine.detach().max()) < 0.9
    expected = torch.where(shared > 0, -cosine.log(), -(1 - cosine).log()).mean()
    expected.backward()  # type: ignore[no-untyped-call]
    for our, their in zip(ours, theirs, strict=True):
        assert our.grad is not None
        assert their.grad is not None
        assert float((our.grad - their.grad).abs().max()) < 1e-12
        assert float(our.grad.abs().max()) > 1e-3


@pytest.mark.parametrize(
    ("code", "similar", "slope"),
    [(0.99, 1.0, 0.0), (0.99, 0.0, 10.0), (-0.99, 0.0, 0.0), (-0.99, 1.0, -10.0)],
)
def test_beyond_the_bounds_the_gradient_leads_back_or_is_none(
    code: float, similar: float, slope: float
) -> None:
    """One pair of 1 bit: p = (0, 1) against q = ((1 - t) / 2, (1 + t) / 2), so that c = q_pos / ||q||.

    At t = +-0.99 c is 0.99999 and 0.005, clipped to 0.9 and 0.1: the value is ln 10 where the pair should be
    on the other side, -ln 0.9 where it is right. dl/dc at the bounds is 1 / 0.1 = 10 against a cosine of 0.9
    that should fall, -10 against one of 0.1 that should rise.
    """
    t = torch.tensor([[code]], dtype=torch.float64, requires_grad=True)
    loss = cosine_loss(torch.ones(1, 1, dtype=torch.float64), t, torch.tensor([[similar]]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(math.log(10) if slope else -math.log(0.9))
    negative, positive = (1 - code) / 2, (1 + code) / 2
    length = math.hypot(negative, positive)
    by_code = 1 / (2 * length) - positive * (positive - negative) / (2 * length**3)  # dc / dt
    assert t.grad is not None
    assert t.grad.item() == pytest.approx(slope * by_code, rel=1e-9)
    assert by_code > 0


@pytest.mark.parametrize("head", ["attention", "mlp"])
def test_cosines_are_learnt_from_a_fresh_head(head: str) -> None:
    """All its codes are alike: cosines above 0.9, whose gradient a mere clipping would take away."""
    torch.manual_seed(0)
    model = build(*build_towers(IMAGE, TEXT), BITS, None, "cosine", 0.75, 0.0, head)  # type: ignore[arg-type]
    optimizer, items, losses = torch.optim.AdamW(model.parameters(), 1e-3), learnable("vectors", 24), []
    for _ in range(100):
        optimizer.zero_grad()
        loss = model.training_step(items, "all").total
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_equal_codes_give_a_finite_gradient() -> None:
    codes = SIGNS.clone().requires_grad_()
    distance_loss(codes, codes, SHARED, 4.0).backward()  # type: ignore[no-untyped-call]
    assert codes.grad is not None
    assert torch.isfinite(codes.grad).all()


@pytest.mark.parametrize("similarity", ["euclidean", "cosine"])
def test_the_whole_loss_against_loops(similarity: Any) -> None:  # noqa: ANN401
    torch.manual_seed(0)
    model = build(*build_towers(IMAGE, TEXT), BITS, None, similarity, 0.3, 0.25, "attention").eval()
    items = batch(6)
    loss = model.training_step(items, "all")
    with torch.no_grad():
        image = model.encode_image(items.image).numpy()
        text = model.encode_text(items.text).numpy()
    labels = items.labels.numpy()
    shared = np.array([[float((a * b).sum() > 0) for b in labels] for a in labels])
    margin = math.sqrt(2 * BITS * 0.3)
    sides = (image, text), (image, image), (text, text)
    if similarity == "cosine":
        expected = sum(loop_cosine(a, b, shared) for a, b in sides)
    else:
        expected = sum(loop_distance(a, b, shared, margin) for a, b in sides)
    expected += 0.25 * ((1 - (image**2).mean()) + (1 - (text**2).mean())) / 2
    assert float(loss.total) == pytest.approx(expected, rel=1e-4)
    assert list(loss.parts) == ["image_text", "image_image", "text_text", "quantisation"]


def test_images_are_normalised_over_the_batch_and_texts_over_their_numbers() -> None:
    model = build(*build_towers(IMAGE, TEXT), BITS, None, "euclidean", 0.3, 0.25, "attention")
    assert isinstance(model.image_head.norm, nn.BatchNorm1d)
    assert isinstance(model.text_head.norm, nn.LayerNorm)


@pytest.mark.parametrize("head", ["attention", "mlp"])
@pytest.mark.parametrize("similarity", ["euclidean", "cosine"])
def test_every_parameter_gets_a_gradient_from_pairs_alone(head: str, similarity: str) -> None:
    torch.manual_seed(0)
    model = build(*build_towers(IMAGE, TEXT), BITS, None, similarity, 0.75, 0.0, head)  # type: ignore[arg-type]
    model.training_step(batch(8), "all").total.backward()  # type: ignore[no-untyped-call]
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
