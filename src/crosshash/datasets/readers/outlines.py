"""Outlines of the shapes that the generated scenes are drawn with."""

from __future__ import annotations

import numpy as np


def _arc(start: float, stop: float, radius: float = 1.0, points: int = 48) -> np.ndarray:
    """Give points on a circle around 0, angles in turns; float[points, 2]."""
    angle = 2 * np.pi * np.linspace(start, stop, points)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _star(points: int, inner: float) -> np.ndarray:
    corners = _arc(-0.25, 0.75, points=2 * points + 1)[:-1]
    corners[1::2] *= inner
    return corners


def _heart() -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 64)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x, -y - 2.5], axis=1) / 15


def _crescent() -> np.ndarray:
    """Take a bite of the same size out of a disc, from the right; the two circles meet at 1/6 turn."""
    bite = _arc(-1 / 3, -2 / 3)
    bite[:, 0] += 1
    return np.concatenate([_arc(1 / 6, 5 / 6), bite])


def _cross(arm: float) -> np.ndarray:
    """Join four arms of half width `arm`, each turned by a quarter from the one before."""
    top = np.array([[-arm, -1], [arm, -1], [arm, -arm]])
    quarter = np.array([[0, 1], [-1, 0]])
    return np.concatenate([top @ np.linalg.matrix_power(quarter, turns) for turns in range(4)])


# Outlines in a circle of radius 1, x to the right, y down.
OUTLINES: dict[str, np.ndarray] = {
    "circle": _arc(0, 1),
    "square": np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.85,
    "triangle": _arc(-0.25, 0.75, radius=1.15, points=4)[:-1],
    "star": 1.15 * _star(5, inner=0.42),
    "cross": _cross(arm=0.36),
    "ring": np.concatenate([_arc(0, 1), _arc(1, 0, radius=0.55)]),
    "heart": _heart(),
    "crescent": _crescent(),
}
