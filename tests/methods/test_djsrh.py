from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from crosshash.methods.djsrh import Djsrh, build, joint_affinity
from crosshash.models.towers import build_towers
from crosshash.protocols import PairBatch
from tests.methods.cases import BITS, IMAGE, TEXT, batch, inputs


def method(alpha: str = "growing", lambda1: float = 0.1, lambda2: float = 0.2) -> Djsrh:
    torch.manual_seed(0)
    towers = build_towers(IMAGE, TEXT)
    return build(*towers, BITS, inputs(), 0.6, 0.4, 1.5, lambda1, lambda2, alpha)  # type: ignore[arg-type]


def test_the_length_of_the_code_is_known() -> None:
    assert method().train_bits == BITS


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def loop_affinity(image: np.ndarray, text: np.ndarray, beta: float, eta: float, mu: float) -> np.ndarray:
    n = len(image)
    mixed = [
        [
            beta * (2 * float(image[i] @ image[j]) - 1) + (1 - beta) * (2 * float(text[i] @ text[j]) - 1)
            for j in range(n)
        ]
        for i in range(n)
    ]
    second = [[sum(mixed[i][k] * mixed[k][j] for k in range(n)) / n for j in range(n)] for i in range(n)]
    return np.array(
        [[mu * ((1 - eta) * mixed[i][j] + eta * second[i][j]) for j in range(n)] for i in range(n)]
    )


def loop_loss(model: Djsrh, items: PairBatch, steepness: float) -> float:
    image = loop_codes(model.image_head(model.image(items.image)), steepness)
    text = loop_codes(model.text_head(model.text(items.text)), steepness)
    target = loop_affinity(
        unit(items.image.double().numpy()), unit(items.text.double().numpy()), 0.6, 0.4, 1.5
    )
    n = len(image)
    total = 0.0
    for weight, a, b in ((0.1, image, image), (1.0, image, text), (0.2, text, text)):
        total += (
            weight * sum((float(a[i] @ b[j]) - target[i, j]) ** 2 for i in range(n) for j in range(n)) / n**2
        )
    return total


def loop_codes(activations: Tensor, steepness: float) -> np.ndarray:
    return unit(np.tanh(steepness * activations.detach().double().numpy()))


def test_affinity_against_a_loop() -> None:
    generator = np.random.default_rng(0)
    image, text = unit(generator.normal(size=(6, 4))), unit(generator.random((6, 3)))
    found = joint_affinity(torch.from_numpy(image), torch.from_numpy(text), 0.7, 0.4, 1.5).numpy()
    assert np.abs(found - loop_affinity(image, text, 0.7, 0.4, 1.5)).max() < 1e-12


def test_affinity_by_hand() -> None:
    """Four items over 8 features: a, b alike in both, c, d alike in both, a and c at right angles.

    S_I = S_T = S~: 2 x 1 - 1 = 1 within (a, b) and (c, d), 2 x 0 - 1 = -1 across. S~ S~' / 4 = S~ (each entry
    is a sum of four products of equal sign over 4). So S = mu S~: +-1.5 whatever beta and eta.
    """
    rows = torch.zeros(4, 8)
    rows[:2, 0] = rows[2:, 5] = 1
    expected = 1.5 * torch.tensor([[1.0, 1, -1, -1], [1, 1, -1, -1], [-1, -1, 1, 1], [-1, -1, 1, 1]])
    for beta, eta in ((0.0, 0.0), (0.3, 0.4), (1.0, 1.0)):
        assert torch.allclose(joint_affinity(rows, rows, beta, eta, 1.5), expected)


@pytest.mark.parametrize(
    ("epoch", "alpha", "steepness"),
    [(0, "growing", 1), (1, "growing", 1), (4, "growing", 2), (9, "fixed", 1)],
)
def test_the_whole_loss_against_a_loop(epoch: int, alpha: str, steepness: float) -> None:
    """Epochs count from 1: a = sqrt(1) = 1 in the first, sqrt(4) = 2 in the fourth; 1 before any (0 here)."""
    model = method(alpha).eval()
    items = batch(7)
    if epoch:
        model.start_epoch(epoch, lambda: iter([items]))
    loss = model.training_step(items, "all")
    assert loss.total.item() == pytest.approx(loop_loss(model, items, steepness), rel=1e-5)
    assert list(loss.parts) == ["image_image", "image_text", "text_text"]


def test_the_code_is_the_sign_of_the_hash_layer_and_as_steep_in_every_epoch() -> None:
    model, items = method().eval(), batch(7)
    model.start_epoch(9, lambda: iter([items]))
    assert torch.equal(model.encode_image(items.image), model.image_head(model.image(items.image)).tanh())
    assert torch.equal(model.encode_text(items.text), model.text_head(model.text(items.text)).tanh())


def test_frozen_features_do_not_learn_and_stay_out_of_the_model() -> None:
    model = method()
    trained = {id(p) for group in model.parameter_groups("all") for p in group.parameters}
    frozen = [p for n, p in model.named_parameters() if n.startswith(tuple(model.training_only))]
    assert not trained & {id(p) for p in frozen}
    assert math.isfinite(model.training_step(batch(4), "all").total.item())
    assert not any(p.requires_grad for p in frozen)
    assert not hasattr(
        build(*build_towers(IMAGE, TEXT), BITS, None, 0.6, 0.4, 1.5, 0.1, 0.1, "fixed"), "frozen_image"
    )


def test_features_that_cannot_tell_items_apart_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Vectors around (1, ..., 1) have cosines near 1, so affinities near 1; random ones around 0 have not."""
    items = batch(8)
    method().start_epoch(1, lambda: iter([items]))
    assert not caplog.records
    shifted = replace(items, image=items.image + 100, text=items.text + 100)
    method().start_epoch(2, lambda: iter([shifted]))
    assert not caplog.records
    method().start_epoch(1, lambda: iter([shifted]))
    assert "alike for all items (mean affinity 1.00 of 1)" in caplog.text


@pytest.mark.parametrize(("cosine", "told"), [(0.95, "0.95"), (0.92, "0.92"), (0.88, "")])
def test_the_affinity_that_is_warned_of_is_the_plain_one(
    cosine: float, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Two items of cosine c in both modalities: S~ is 1, 2c - 1, 2c - 1, 1, mean c; beyond 0.9 it is told.

    The mean of S~ S~' / 2 would be c^2: 0.9025, 0.85 and 0.77.
    """
    rows = torch.zeros(2, 9)
    rows[:, 0] = torch.tensor([1, cosine])
    rows[1, 4] = math.sqrt(1 - cosine**2)
    method().start_epoch(1, lambda: iter([replace(batch(2), image=rows, text=3 * rows)]))
    assert (f"mean affinity {told} of 1" in caplog.text) == bool(told)
    assert bool(caplog.records) == bool(told)
