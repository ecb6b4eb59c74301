"""Seconds for hash centres and transform at the true size of MIRFlickr-25k: 20,015 label sets of 24 classes.

python -m benchmarks.mirflickr                        label sets drawn with the true frequencies
python -m benchmarks.mirflickr mirflickr25k-lall.mat  the true ones (a matrix named LAll, labels or category)
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.centers import read_labels
from crosshash.codes.centers import make_centers
from crosshash.codes.losslessness import losslessness
from crosshash.codes.statistics import describe
from crosshash.codes.transform import ridge_transform
from crosshash.datasets.mirflickr25k import CLASSES
from crosshash.plans.transform import TransformPlan
from crosshash.seeding import stream
from stages.transform import fit

COUNT = 20_015
FREQUENCIES = (
    2647, 179, 644, 986, 3230, 581, 4614, 1554, 813, 6320, 704, 4743,
    2243, 7848, 7413, 2740, 811, 1133, 6818, 8463, 1840, 2450, 3981, 2885,
)  # fmt: skip
"""Images of each class among the 20,015, in the order of CLASSES."""
LONG = 512
SHORT = (16, 32, 64)
PLAN = TransformPlan(
    used=True, for_training=False, seed=0, solver="ridge", ridge_lambda=1.0, tie_row=True,
    sgd_lr=0.1, sgd_epochs=100, sgd_batch=200,
)  # fmt: skip
"""As params.yaml has it."""


def main() -> None:
    """Print a table as Markdown."""
    parser = argparse.ArgumentParser(description="Seconds for centres and transform at MIRFlickr's size.")
    parser.add_argument("labels", type=Path, nargs="?", help=".mat file with a label matrix [items, classes]")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    labels = read_labels(chosen.labels) if chosen.labels else draw_labels(chosen.seed)
    print(
        f"{len(labels)} items, {labels.shape[1]} classes, {labels.sum() / len(labels):.2f} labels per item\n"
    )
    print(
        "| bits | centres s | transform s | distance | centres exact | 20 % flipped: right | comparison s |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    seconds = sum(print_row(labels, bits, chosen.seed) for bits in SHORT)
    print(f"\n{seconds:.2f} s for centres and transforms; the comparison of solvers comes on top")


def print_row(labels: NDArray[np.uint8], bits: int, seed: int) -> float:
    """Make both books and the transform, then what the stage reports; give the seconds of the former."""
    names = CLASSES if labels.shape[1] == len(CLASSES) else [f"class {i}" for i in range(labels.shape[1])]
    start = time.perf_counter()
    long = make_centers(names, LONG, seed, "long", labels)[0]
    short, construction = make_centers(names, bits, seed, "short", labels)
    made = time.perf_counter()
    ridge_transform(long, short, 1.0, True)
    fitted = time.perf_counter()
    both = fit(PLAN, long, short, labels)
    found = {solver: losslessness(matrix, long, short, labels, seed) for solver, matrix in both.items()}
    compared = time.perf_counter()
    distance = describe(short.centers, construction)["min_distance"]
    ridge = found["ridge"]
    figures = f"{distance} | {ridge['centers_exact']:.0%} | {ridge['flipped']['0.2']:.2%}"
    seconds = f"{made - start:.3f} | {fitted - made:.3f} | {figures} | {compared - fitted:.1f}"
    print(f"| {LONG} → {bits} | {seconds} |", flush=True)
    return fitted - start


def draw_labels(seed: int) -> NDArray[np.uint8]:
    """Draw uint8[20015, 24]: each class by itself with its frequency; rows without a label again."""
    rng = stream(seed, "benchmark", "mirflickr")
    shares = np.array(FREQUENCIES) / COUNT
    labels = rng.random((COUNT, len(CLASSES))) < shares
    while len(empty := np.flatnonzero(~labels.any(axis=1))):
        labels[empty] = rng.random((len(empty), len(CLASSES))) < shares
    return labels.astype(np.uint8)


if __name__ == "__main__":
    main()
