from __future__ import annotations

import itertools

import numpy as np
import pytest

from crosshash.projections.rotation import itq, random_rotation


def values(items: int, dims: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(items, dims)) * np.arange(dims, 0, -1)


def cost(rows: np.ndarray, rotation: np.ndarray) -> float:
    """The sum of (sign - value)^2, entry by entry."""
    total = 0.0
    for row in rows @ rotation:
        for value in row:
            total += ((1.0 if value >= 0 else -1.0) - value) ** 2
    return total


@pytest.mark.parametrize(("dims", "bits"), [(5, 5), (5, 12), (1, 3)])
def test_rows_are_orthonormal(dims: int, bits: int) -> None:
    start = random_rotation(dims, bits, np.random.default_rng(0))
    for rotation in (start, itq(values(40, dims), start)):
        assert rotation.shape == (dims, bits)
        assert np.abs(rotation @ rotation.T - np.eye(dims)).max() < 1e-12


def test_a_rotation_is_that_of_its_seed() -> None:
    first, again, other = (random_rotation(4, 4, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_rotations_are_uniform() -> None:
    """Every entry of one has mean 0 and mean square 1 / K; LAPACK's own signs would lean to one side."""
    drawn = np.stack([random_rotation(3, 3, np.random.default_rng(seed)) for seed in range(4000)])
    assert np.abs(drawn.mean(axis=0)).max() < 0.04
    assert np.abs(np.square(drawn).mean(axis=0) - 1 / 3).max() < 0.02


@pytest.mark.parametrize("bits", [6, 15])
def test_the_cost_of_the_sign_falls_with_every_iteration(bits: int) -> None:
    """Each of both halves of an iteration is the best answer to the other (Gong et al., section 2.2)."""
    rows = values(60, 6)
    rotation = random_rotation(6, bits, np.random.default_rng(1))
    costs = [cost(rows, rotation)]
    for _ in range(12):
        rotation = itq(rows, rotation, iterations=1)
        costs.append(cost(rows, rotation))
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(costs))
    assert costs[-1] < 0.97 * costs[0]


def test_points_on_turned_corners_are_turned_back() -> None:
    """Corners of a square, turned by 30 degrees: (+-1, +-1) can be had without any cost."""
    corners = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]] * 3)
    angle = np.pi / 6
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rotation = itq(corners @ turn, np.eye(2))
    assert cost(corners @ turn, rotation) == pytest.approx(0, abs=1e-12)
