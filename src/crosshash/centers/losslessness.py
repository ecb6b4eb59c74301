"""How much of the short code survives a transform: on class centres, under noise, on real label sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.centers.center_book import CenterBook
from crosshash.centers.label_sets import label_sets
from crosshash.centers.transform import Matrix, apply_transform
from crosshash.seeding import stream

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3)
"""Shares of long bits that are flipped."""
NOISY_CODES = 2000
"""About how many noisy codes each share is measured on."""


def losslessness(
    matrix: Matrix, long: CenterBook, short: CenterBook, labels: NDArray[np.generic], seed: int
) -> dict[str, Any]:
    """Collect the three measures, as shares between 0 and 1, rounded to 5 digits; labels [N, C] of items."""
    rng = stream(seed, "transform", "noise")
    return {
        "centers_exact": round(centers_exact(matrix, long, short), 5),
        "flipped": {str(share): round(bits_kept(matrix, long, short, share, rng), 5) for share in SHARES},
        "training_labels": round(label_sets_kept(matrix, long, short, labels), 5),
    }


def centers_exact(matrix: Matrix, long: CenterBook, short: CenterBook) -> float:
    """Give the share of classes whose long centre becomes exactly the short one."""
    return float((apply_transform(long.centers, matrix) == short.centers).all(axis=1).mean())


def bits_kept(
    matrix: Matrix, long: CenterBook, short: CenterBook, share: float, rng: np.random.Generator
) -> float:
    """Flip this share of the long bits, drawn again and again; give the share of short bits right."""
    flips = round(share * long.bits)
    draws = max(1, NOISY_CODES // len(long.centers)) if flips else 1
    right = []
    for _ in range(draws):
        noisy = long.centers.copy()
        flipped = rng.random(noisy.shape).argpartition(min(flips, long.bits - 1), axis=1)[:, :flips]
        np.put_along_axis(noisy, flipped, -np.take_along_axis(noisy, flipped, axis=1), axis=1)
        right.append((apply_transform(noisy, matrix) == short.centers).mean())
    return float(np.mean(right))


def label_sets_kept(
    matrix: Matrix, long: CenterBook, short: CenterBook, labels: NDArray[np.generic]
) -> float:
    """Transform the long targets of items with labels [N, C]; give the share of their short targets' bits."""
    sets, counts = label_sets(labels)
    right = apply_transform(long.targets(sets), matrix) == short.targets(sets)
    return float(np.average(right.mean(axis=1), weights=counts))
