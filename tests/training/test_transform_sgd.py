from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from crosshash.centers.center_book import CenterBook
from crosshash.centers.construction import make_centers
from crosshash.centers.losslessness import centers_exact
from crosshash.training import transform_sgd
from crosshash.training.transform_sgd import (
    adam_step,
    frequent_sets,
    sgd_transform,
    transform_loss,
)


def books(long: int, short: int) -> tuple[CenterBook, CenterBook]:
    names = [f"class {i}" for i in range(8)]
    return make_centers(names, long, 0, "long")[0], make_centers(names, short, 0, "short")[0]


def label_sets() -> np.ndarray:
    """Every set of one or two of eight classes; the single ones three times."""
    pairs = [[int(k in (i, j)) for k in range(8)] for i in range(8) for j in range(i)]
    return np.vstack([*[np.eye(8, dtype=np.uint8)] * 3, pairs])


def test_loss_equals_the_equation() -> None:
    """Scores [neg 0, neg 1, pos 0, pos 1]; per pair y = softmax, then BCE and 1 - mean((y0 - y1)^2)."""
    score = torch.tensor([[0.5, -1.0, 2.0, 0.25], [0.0, 1.0, -3.0, 1.5]])
    wanted = torch.tensor([[0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]])
    cross, away = [], []
    for row, target in zip(score.tolist(), wanted.tolist(), strict=True):
        for pair in (0, 1):
            total = math.exp(row[pair]) + math.exp(row[2 + pair])
            halves = [math.exp(row[pair]) / total, math.exp(row[2 + pair]) / total]
            for y, t in zip(halves, (target[pair], target[2 + pair]), strict=True):
                cross.append(-t * math.log(y) - (1 - t) * math.log(1 - y))
            away.append((halves[0] - halves[1]) ** 2)
    expected = sum(cross) / len(cross) + 1 - sum(away) / len(away)
    assert float(transform_loss(score, wanted)) == pytest.approx(expected, rel=1e-5)


def test_most_frequent_sets_first(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.array([[1, 0]] * 2 + [[1, 1]] * 5 + [[0, 1]] * 3)
    assert frequent_sets(labels).astype(int).tolist() == [[1, 1], [0, 1], [1, 0]]
    monkeypatch.setattr(transform_sgd, "MOST_SETS", 1)
    assert frequent_sets(labels).astype(int).tolist() == [[1, 1]]


def test_centers_are_learnt_and_the_end_is_then() -> None:
    long, short = books(64, 16)
    matrix = sgd_transform(long, short, label_sets(), 0.1, 100, 200, 0)
    assert matrix.shape == (128, 32)
    assert matrix.dtype == np.float32
    assert centers_exact(matrix, long, short) == 1.0
    again = sgd_transform(long, short, label_sets(), 0.1, 100, 200, 0)
    assert np.array_equal(matrix, again)
    other = sgd_transform(long, short, label_sets(), 0.1, 100, 200, 1)
    assert not np.array_equal(matrix, other)


def test_the_global_generator_is_left_alone() -> None:
    long, short = books(32, 16)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    sgd_transform(long, short, label_sets(), 0.1, 2, 20, 0)
    assert torch.equal(before, torch.get_rng_state())


def test_adam_step_by_hand() -> None:
    """Gradient (3, 4) is cut to (0.6, 0.8); first moments are a tenth of it, second ones 1/50 of its squares.

    0.06 / sqrt(0.0072) = 0.08 / sqrt(0.0128) = 0.70711; with decay 0.2 x 1 the step is 0.1 x 0.90711.
    """
    matrix = torch.tensor([1.0, 1.0])
    moments = (torch.zeros(2), torch.zeros(2))
    adam_step(matrix, torch.tensor([3.0, 4.0]), moments, 0.1)
    assert matrix.tolist() == pytest.approx([0.909289, 0.909289], abs=1e-5)
    assert moments[0].tolist() == pytest.approx([0.06, 0.08])
    assert moments[1].tolist() == pytest.approx([0.0072, 0.0128])
