"""The tables of docs/centers.md and docs/transform.md: distances reached, bits that survive the transform.

python -m benchmarks.centers                        distances of hash centres
python -m benchmarks.centers --labels FILE.mat      transforms, on the label sets of a .mat file as well
                                                    (a matrix [items, classes] named LAll, labels or category)
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.io
from numpy.typing import NDArray

from crosshash.centers.center_book import CenterBook
from crosshash.centers.construction import make_centers
from crosshash.centers.losslessness import bits_kept, centers_exact, label_sets_kept
from crosshash.centers.statistics import describe
from crosshash.centers.transform import Matrix, ridge_transform
from crosshash.codes.hashcodes import pack
from crosshash.retrieval.measures.mean_ap import mean_average_precision
from crosshash.seeding import stream
from crosshash.training.transform_sgd import sgd_transform

SIZES = [
    *((8, bits) for bits in (16, 32, 64, 512)),
    *((count, bits) for count in (18, 21, 24) for bits in (16, 32, 64)),
    (24, 512),
    *((80, bits) for bits in (12, 16, 24, 32, 48, 64, 96, 512)),
    *((255, bits) for bits in (16, 32, 64, 512)),
    (1000, 64),
    (40_000, 64),
]
LENGTHS = [(512, 16), (512, 32), (512, 64), (128, 16), (128, 64), (2048, 32)]
FLIPPED = (0.1, 0.2, 0.3)


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description="Distances of hash centres, or what a transform keeps.")
    parser.add_argument("--labels", type=Path, help=".mat file with a label matrix [items, classes]")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.labels is None:
        print_distances(chosen.seed)
    else:
        labels = read_labels(chosen.labels)
        print_targets(labels)
        print_transforms(labels, chosen.seed)


def print_distances(seed: int) -> None:
    """Print, for each number of classes and bits, what is reached and what no code can surpass."""
    print(
        "| classes | bits | minimum distance | bound | different bits | antipodal pairs | construction | s |"
    )
    print("|--:|--:|--:|--:|--:|--:|---|--:|")
    for count, bits in SIZES:
        start = time.perf_counter()
        book, construction = make_centers(names(count), bits, seed, "short")
        seconds = time.perf_counter() - start
        found = describe(book.centers, construction)
        figures = (found["min_distance"], f"{found['best_known']} ({found['bound']})")
        columns = (found["distinct_columns"], found["antipodal_pairs"], construction, f"{seconds:.1f}")
        print("| " + " | ".join(str(value) for value in (count, bits, *figures, *columns)) + " |", flush=True)


def print_targets(labels: NDArray[np.uint8]) -> None:
    """Print the mAP of targets used as codes: 500 queries, at most 5,000 other items, mean of 5 seeds."""
    print("| bits | centres as made | tie bits by lot | words and tie bits by lot |")
    print("|--:|--:|--:|--:|")
    labels = labels[:: -(-len(labels) // 5500)]
    for bits in (16, 32, 64, 128):
        scores = np.array([target_scores(labels, bits, seed) for seed in range(5)]).mean(axis=0)
        print(f"| {bits} | " + " | ".join(f"{score:.4f}" for score in scores) + " |", flush=True)
    print()


def target_scores(labels: NDArray[np.uint8], bits: int, seed: int) -> list[float]:
    """Score targets of centres as made, with tie bits drawn by lot, and with all of it drawn by lot."""
    made = make_centers(names(labels.shape[1]), bits, seed, "short", labels)[0]
    rng = stream(seed, "benchmark", "lot")
    lots = rng.choice(np.array([-1, 1], dtype=np.int8), (labels.shape[1] + 1, bits))
    tied = CenterBook(made.centers, made.classes, lots[-1])
    drawn = CenterBook(lots[:-1], made.classes, lots[-1])
    scores = []
    for book in (made, tied, drawn):
        codes = pack(book.targets(labels))
        sides = (codes[:500], codes[500:], labels[:500], labels[500:])
        scores.append(mean_average_precision(*sides))
    return scores


def print_transforms(labels: NDArray[np.uint8], seed: int) -> None:
    """Print, for each solver and pair of lengths, how much of the short code is right."""
    count = labels.shape[1]
    print(f"{len(labels)} items with labels, {count} classes\n")
    flips = " | ".join(f"{share:.0%} flipped" for share in FLIPPED)
    print(f"| bits | solver | centres exact | {flips} | label sets | s |")
    print("|---|---|--:|" + "--:|" * (len(FLIPPED) + 2))
    for bits, short_bits in LENGTHS:
        long = make_centers(names(count), bits, seed, "long", labels)[0]
        short = make_centers(names(count), short_bits, seed, "short", labels)[0]
        for solver, matrix, seconds in transforms(long, short, labels, seed):
            rng = stream(seed, "benchmark", "noise")
            shares = [bits_kept(matrix, long, short, share, rng) for share in FLIPPED]
            kept = [*shares, label_sets_kept(matrix, long, short, labels)]
            figures = " | ".join(f"{value:.2%}" for value in kept)
            exact = f"{centers_exact(matrix, long, short):.0%}"
            print(f"| {bits} → {short_bits} | {solver} | {exact} | {figures} | {seconds:.2f} |", flush=True)


def transforms(
    long: CenterBook, short: CenterBook, labels: NDArray[np.uint8], seed: int
) -> Iterator[tuple[str, Matrix, float]]:
    """Yield the transform of each solver with the seconds it took; settings as in params.yaml."""
    for solver, tie_row in (("ridge with tie row", True), ("ridge without", False)):
        start = time.perf_counter()
        matrix = ridge_transform(long, short, 1.0, tie_row)
        yield solver, matrix, time.perf_counter() - start
    start = time.perf_counter()
    matrix = sgd_transform(long, short, labels, 0.1, 100, 200, seed)
    yield "sgd (published)", matrix, time.perf_counter() - start


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Read the label matrix uint8[N, C] of a .mat file, without the items that have no label."""
    arrays = scipy.io.loadmat(path)
    name = next((name for name in ("LAll", "labels", "category") if name in arrays), None)
    if name is None:
        raise SystemExit(f"{path}: no matrix named LAll, labels or category")
    labels: NDArray[np.uint8] = (arrays[name] != 0).astype(np.uint8)
    return labels[labels.any(axis=1)]


def names(count: int) -> list[str]:
    """Name so many classes."""
    return [f"class {i}" for i in range(count)]


if __name__ == "__main__":
    main()
