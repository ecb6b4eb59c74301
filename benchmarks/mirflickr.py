"""Seconds for hash centres and transform at the true size of MIRFlickr-25k: 20,015 label sets of 24 classes.

python -m benchmarks.mirflickr         label sets drawn with the true frequencies
python -m benchmarks.mirflickr FOLDER  the true ones: a folder as `download.local` names it, or the file
                                       mirflickr25k-lall.mat in it; pairs, classes and labels are checked

Seconds are those of the processor, without the start of Python. Exit status 1: a length took more than 5, or
the data set is another one.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.centers.construction import make_centers
from crosshash.centers.losslessness import losslessness
from crosshash.centers.statistics import describe
from crosshash.centers.transform import ridge_transform
from crosshash.config.plans.transform import TransformPlan
from crosshash.datasets.mirflickr25k import CLASSES, read
from crosshash.errors import CrosshashError, run_stage
from crosshash.pairs.labels import label_matrix
from crosshash.pairs.source import raw_folder
from crosshash.seeding import stream
from stages.transform import fit

COUNT = 20_015
FREQUENCIES = (
    2647, 179, 644, 986, 3230, 581, 4614, 1554, 813, 6320, 704, 4743,
    2243, 7848, 7413, 2740, 811, 1133, 6818, 8463, 1840, 2450, 3981, 2885,
)  # fmt: skip
"""Images of each class among the 20,015, in the order of CLASSES."""
LABELS_EACH = 3.78
LIMIT = 5.0  # seconds of each length
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
    parser.add_argument("folder", type=Path, nargs="?", help="folder with the data set, or its label file")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    labels = read_labels(chosen.folder) if chosen.folder else draw_labels(chosen.seed)
    print(f"{len(labels)} pairs, {labels.shape[1]} classes, {labels.sum() / len(labels):.2f} labels per pair")
    if chosen.folder:
        check_counts(chosen.folder, labels)
    print(
        "\n| bits | centres s | transform s | comparison s | all s | distance | centres exact "
        "| 20 % flipped: right |\n|---|--:|--:|--:|--:|--:|--:|--:|"
    )
    slow = [bits for bits in SHORT if print_row(labels, bits, chosen.seed) > LIMIT]
    if slow:
        sys.exit(f"more than {LIMIT:g} s at {', '.join(map(str, slow))} bits")


def read_labels(place: Path) -> NDArray[np.uint8]:
    """Read the labels of the pairs with a common tag; uint8[N, 24]."""
    below = place.parent.parent if place.parent.name == "LAll" else place.parent
    source = read(raw_folder(), tags="common", local=str(place if place.is_dir() else below))
    return label_matrix([item.labels for item in source.items], source.classes)


def check_counts(place: Path, labels: NDArray[np.uint8]) -> None:
    """See that pairs, classes and labels are as many as those of the data set.

    Raises:
        CrosshashError: they are not.
    """
    if labels.shape != (COUNT, len(CLASSES)) or round(labels.sum() / len(labels), 2) != LABELS_EACH:
        raise CrosshashError(
            f"{place}: MIRFlickr-25k has {COUNT} pairs, {len(CLASSES)} classes, {LABELS_EACH} labels per pair"
        )


def print_row(labels: NDArray[np.uint8], bits: int, seed: int) -> float:
    """Make both books and the transform, then what the stage reports of both solvers; give the seconds."""
    start = time.process_time()
    long = make_centers(CLASSES, LONG, seed, "long", labels)[0]
    short, construction = make_centers(CLASSES, bits, seed, "short", labels)
    made = time.process_time()
    ridge_transform(long, short, 1.0, True)
    fitted = time.process_time()
    both = fit(PLAN, long, short, labels)
    found = {solver: losslessness(matrix, long, short, labels, seed) for solver, matrix in both.items()}
    compared = time.process_time()
    distance = describe(short.centers, construction)["min_distance"]
    ridge = found["ridge"]
    figures = f"{distance} | {ridge['centers_exact']:.0%} | {ridge['flipped']['0.2']:.2%}"
    seconds = f"{made - start:.3f} | {fitted - made:.3f} | {compared - fitted:.2f} | {compared - start:.2f}"
    print(f"| {LONG} → {bits} | {seconds} | {figures} |", flush=True)
    return compared - start


def draw_labels(seed: int) -> NDArray[np.uint8]:
    """Draw uint8[20015, 24]: each class by itself with its frequency; rows without a label again."""
    rng = stream(seed, "benchmark", "mirflickr")
    shares = np.array(FREQUENCIES) / COUNT
    labels = rng.random((COUNT, len(CLASSES))) < shares
    while len(empty := np.flatnonzero(~labels.any(axis=1))):
        labels[empty] = rng.random((len(empty), len(CLASSES))) < shares
    return labels.astype(np.uint8)


if __name__ == "__main__":
    run_stage(main)
