from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from crosshash.methods.ucch import Ucch, build, contrast_loss, ranking_loss
from crosshash.models.towers import build_towers
from crosshash.protocols import PairBatch
from tests.methods.cases import BITS, IMAGE, TEXT, batch, inputs

SETTINGS = {
    "contrast_weight": 0.7, "temperature": 0.9, "momentum": 0.4, "negatives": 50, "margin": 0.1, "shift": 0.5,
    "warmup_epochs": 1,
}  # fmt: skip


def method(**changes: Any) -> Ucch:  # noqa: ANN401
    torch.manual_seed(0)
    return build(*build_towers(IMAGE, TEXT), BITS, inputs(), **SETTINGS | changes)


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def values(model: Ucch, items: PairBatch) -> tuple[np.ndarray, np.ndarray]:
    with torch.no_grad():
        return tuple(unit(np.tanh(one.double().numpy())) for one in model.outputs(items))  # type: ignore[return-value]


def loop_contrast(rows: np.ndarray, own: np.ndarray, others: list[np.ndarray], scale: float) -> float:
    """Mean of -log of the own code's share among e^(h b / scale)."""
    total = 0.0
    for row, code, codes in zip(rows, own, others, strict=True):
        weights = [math.exp(float(row @ other) / scale) for other in (code, *codes)]
        total -= math.log(weights[0] / sum(weights))
    return total / len(rows)


def loop_ranking(scores: np.ndarray, margin: float, shift: float) -> float:
    total, n = 0.0, len(scores)
    for i in range(n):
        for line in (scores[i], scores[:, i]):
            counted = [s if s >= scores[i, i] - margin else s - shift for s in line]
            total += (math.log(sum(map(math.exp, counted))) - scores[i, i] + margin) / n
    return total


def test_ranking_by_hand() -> None:
    """Two pairs, own scores 1 and 0, across 0.5 (above) and 0; margin 0.2, shift 1.

    Rows: 0.5 < 0.8 counts -0.5, 0 >= -0.2 counts 0; columns: of the first 0 < 0.8 counts -1, of the second
    0.5 counts 0.5. log(e + e^-0.5) - 0.8 = 0.4014, log 2 + 0.2 = 0.8931, log(e + e^-1) - 0.8 = 0.3269,
    log(1 + e^0.5) + 0.2 = 1.1741; their sum over 2 is 1.3978.
    """
    found = ranking_loss(torch.tensor([[1.0, 0.5], [0, 0]]), 0.2, 1.0)
    assert float(found) == pytest.approx(1.3978, abs=1e-4)


def test_ranking_at_the_margin_by_hand() -> None:
    """Two pairs, own scores 1 and 1, across 0.5 and 0.5; margin 0.5: at the margin is not apart.

    Every row and column: log(e + e^0.5) - 1 + 0.5 = 0.9741, and the two means add up to 1.9482.
    """
    found = ranking_loss(torch.tensor([[1.0, 0.5], [0.5, 1.0]]), 0.5, 1.0)
    assert float(found) == pytest.approx(1.9482, abs=1e-4)


def test_contrast_by_hand() -> None:
    """Own 1, others 0 and, the item itself, 5, which does not count: log(e + 1) - 1 = 0.3133."""
    scaled, own = torch.tensor([[1.0, 0, 5]]), torch.tensor([[1.0, 0, 0]])
    others = torch.tensor([[0.0, 1, 0], [0, 0, 1]])
    found = contrast_loss(scaled, own, others, torch.tensor([[False, True]]))
    assert float(found) == pytest.approx(0.3133, abs=1e-4)


def test_the_whole_loss_of_the_warm_up_against_a_loop() -> None:
    """The batch's own codes are the memory: signs of what image and text have in common."""
    model, items = method().eval(), batch(7)
    model.start_epoch(1, lambda: iter([items]))
    image, text = values(model, items)
    codes = np.where(unit(image + text) >= 0, 1.0, -1.0)
    others = [np.delete(codes, place, axis=0) for place in range(7)]
    scale = 0.9 * math.sqrt(BITS)
    contrast = sum(loop_contrast(rows, codes, others, scale) for rows in (image, text))
    expected = 0.7 * contrast + 0.3 * loop_ranking(image @ text.T, 0.1, 0.5)
    step = model.training_step(items, "all")
    assert step.total.item() == pytest.approx(expected, rel=1e-5)
    assert list(step.parts) == ["contrast", "ranking"]
    assert np.abs(model.memory[:7].numpy() - unit(image + text)).max() < 1e-6


def test_the_whole_loss_against_a_loop_over_the_memory() -> None:
    model, items = method().eval(), batch(7)
    model.start_epoch(2, lambda: iter([items]))
    model.memory[[2, 9], :3] = 0  # counts as +1
    memory = model.memory.double().numpy().copy()
    torch.manual_seed(3)
    step = model.training_step(items, "all")
    torch.manual_seed(3)
    drawn = torch.randint(len(memory), (50,)).numpy()
    codes = np.where(memory >= 0, 1.0, -1.0)
    image, text = values(model, items)
    others = [codes[drawn[drawn != place]] for place in range(7)]
    contrast = sum(loop_contrast(rows, codes[:7], others, 0.9 * math.sqrt(BITS)) for rows in (image, text))
    expected = 0.7 * contrast + 0.3 * loop_ranking(image @ text.T, 0.1, 0.5)
    assert step.total.item() == pytest.approx(expected, rel=1e-5)
    moved = unit(0.4 * memory[:7] + 0.6 * unit(image + text))
    assert np.abs(model.memory[:7].numpy() - moved).max() < 1e-6
    assert np.array_equal(model.memory[7:].numpy(), memory[7:].astype(np.float32))


def test_an_item_is_no_negative_of_its_own() -> None:
    """A memory of one item holds no other: the contrast is -log 1."""
    torch.manual_seed(0)
    model = build(*build_towers(IMAGE, TEXT), BITS, inputs(1), **SETTINGS).eval()
    model.start_epoch(2, lambda: iter([]))
    assert float(model.training_step(batch(1), "all").parts["contrast"]) == pytest.approx(0, abs=1e-6)
