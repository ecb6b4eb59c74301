from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from crosshash.centers.center_book import CenterBook
from crosshash.centers.construction import make_centers
from crosshash.centers.label_sets import label_sets as label_sets_of
from crosshash.centers.losslessness import centers_exact
from crosshash.seeding import stream, stream_seed
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


def test_of_equally_frequent_sets_the_order_is_that_of_their_bits() -> None:
    """Every third set of seven labels occurs twice."""
    every = np.array(list(itertools.product([0, 1], repeat=7)), np.uint8)
    mixed = np.random.default_rng(0).permutation(np.concatenate([every, every[::3]]))
    sets, counts = label_sets_of(mixed)
    assert np.array_equal(frequent_sets(mixed), np.concatenate([sets[counts == 2], sets[counts == 1]]))


def test_centers_are_learnt_and_the_end_is_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step is one pass; all of them by one thread."""
    threads: list[int] = []
    monkeypatch.setattr(
        transform_sgd,
        "adam_step",
        lambda *given: threads.append(torch.get_num_threads()) or adam_step(*given),
    )
    before = torch.get_num_threads()
    long, short = books(64, 16)
    matrix = sgd_transform(long, short, label_sets(), 0.1, 100, 200, 0)
    assert set(threads) == {1}
    assert len(threads) < 100
    assert torch.get_num_threads() == before
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


def test_a_small_gradient_by_hand() -> None:
    """Gradient 3e-6: moments 3e-7 and 1.8e-13, the root of which is 4.24264e-7.

    3e-7 / (4.24264e-7 + 1e-6) = 0.210636; with decay 0.2 x 1 the step is 0.1 x 0.410636.
    """
    matrix = torch.ones(1)
    adam_step(matrix, torch.tensor([3e-6]), (torch.zeros(1), torch.zeros(1)), 0.1)
    assert matrix.item() == pytest.approx(0.9589364, abs=1e-6)


def test_three_passes_against_a_loop_with_the_published_constants() -> None:
    """36 label sets in steps of 10: 12 steps, the first one at rate 0, the second at 5/6 of the peak, 0.1.

    Sparsity 0.001, betas 0.9 and 0.98, eps 1e-6, decay 0.2, warm-up a tenth of the steps, then cosine.
    """
    long, short = books(16, 8)
    found = sgd_transform(long, short, label_sets(), 0.1, 3, 10, 5)
    sets = frequent_sets(label_sets())
    pairs = [
        torch.from_numpy(np.concatenate([codes < 0, codes > 0], axis=1)).float()
        for codes in (long.targets(sets), short.targets(sets))
    ]
    rng = stream(5, "transform", "order")
    generator = torch.Generator().manual_seed(stream_seed(5, "transform", "start"))
    matrix = torch.empty(32, 16).uniform_(-1, 1, generator=generator)
    first, second = torch.zeros_like(matrix), torch.zeros_like(matrix)
    for number in range(12):
        if number % 4 == 0:
            order = torch.from_numpy(rng.permutation(36))
        rows = order[10 * (number % 4) :][:10]
        matrix = matrix.detach().requires_grad_()
        (transform_loss(pairs[0][rows] @ matrix, pairs[1][rows]) + 0.001 * matrix.abs().sum()).backward()
        assert matrix.grad is not None
        slope = matrix.grad / max(1.0, float(matrix.grad.norm()))
        first, second = 0.9 * first + 0.1 * slope, 0.98 * second + 0.02 * slope**2
        done = number / 12
        rate = 0.1 * (done / 0.1 if done < 0.1 else 0.5 * (1 + math.cos(math.pi * done)))
        matrix = matrix.detach() - rate * (first / (second.sqrt() + 1e-6) + 0.2 * matrix.detach())
    assert np.allclose(found, matrix.numpy(), atol=1e-4)


def test_a_thousand_label_sets_are_learnt_from() -> None:
    labels = (np.arange(1, 1101)[:, None] >> np.arange(11)) & 1
    assert frequent_sets(labels).shape == (1000, 11)


def test_the_number_of_threads_comes_back() -> None:
    long, short = books(32, 16)
    torch.set_num_threads(2)
    try:
        sgd_transform(long, short, label_sets(), 0.1, 1, 20, 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
