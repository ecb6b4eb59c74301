"""A made set of vectors with captions and labels, like pooled features of photos: no file, no network."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

ITEMS, DIMENSIONS, CLASSES, DETAILS = 4_000, 256, 18, 120


def make_features(folder: Path) -> Path:
    """Write features.npz and pairs.csv: items of one to three classes and three details; gives the folder.

    A vector is the sum of the directions of its classes and details, and noise; a caption names most of them
    among other words. So captions tell more than labels, as those of photos do.
    """
    generator = np.random.default_rng(0)
    classes = _chosen(generator, CLASSES, generator.integers(1, 4, ITEMS))
    details = _chosen(generator, DETAILS, np.full(ITEMS, 3))
    directions = generator.normal(size=(CLASSES + DETAILS, DIMENSIONS))
    holds = np.concatenate([classes, details], axis=1)
    vectors = holds @ directions + 2.5 * generator.normal(size=(ITEMS, DIMENSIONS))
    told = holds & (generator.random(holds.shape) < 0.8)
    names = np.array([f"class{c:02}" for c in range(CLASSES)] + [f"detail{d:03}" for d in range(DETAILS)])
    folder.mkdir(parents=True)
    items = [f"item{row:04}" for row in range(ITEMS)]
    np.savez(folder / "features.npz", image=np.maximum(vectors, 0).astype(np.float32), names=np.array(items))
    with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "caption", "labels"])
        for row, item in enumerate(items):
            words = [*names[told[row]], *(f"word{n:02}" for n in generator.integers(0, 60, 5))]
            rows.writerow([item, " ".join(words), ";".join(names[:CLASSES][classes[row]])])
    return folder


def _chosen(generator: np.random.Generator, kinds: int, counts: np.ndarray) -> np.ndarray:
    """Choose so many different kinds for each item, some kinds more often than others: bool[N, kinds]."""
    weights = generator.gumbel(size=(len(counts), kinds)) - 0.5 * np.log(np.arange(1, kinds + 1))
    places = np.argsort(np.argsort(-weights, axis=1), axis=1)
    return np.asarray(places < counts[:, None])
