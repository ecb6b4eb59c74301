"""How much faster one task is scored from counts than by sorting: both timed in this run, on the same codes.

The reference is written here in the manner of published code: one matrix product for all Hamming distances,
one torch sort over the whole matrix, then a Python loop over the queries. Peak memory (on Linux) is taken
in a process of its own for each: how far it rises above what the process held before. A busy machine slows
the reference more than the counts, since torch's threads wait for one another: measure on an idle one.
"""

from __future__ import annotations

import math
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from crosshash.codes.hashcodes import pack, unpack
from crosshash.cores import cores
from crosshash.retrieval.evaluation import mean_average_precision
from crosshash.seeding import stream

QUERIES, ITEMS, BITS, CLASSES = 2_000, 18_000, 64, 24
LABELS_PER_ITEM, FLIPPED = 3.0, 0.25
REPEATS = 5
REQUIRED = 30.0

Scorer = Callable[[], float]


def codes_and_labels() -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
    """Draw labels, some classes far more frequent than others, and noisy codes of the label sets."""
    generator = stream(0, "benchmark", "scoring")
    weights = 1 / np.arange(1, CLASSES + 1)
    share = np.minimum(LABELS_PER_ITEM * weights / weights.sum(), 0.9)
    labels = generator.random((QUERIES + ITEMS, CLASSES)) < share
    bare = ~labels.any(axis=1)
    labels[bare, generator.integers(CLASSES, size=int(bare.sum()))] = True
    centers = generator.choice([-1, 1], size=(CLASSES, BITS))
    signs = np.where(labels @ centers + generator.choice([-0.5, 0.5], size=BITS) > 0, 1, -1)
    signs[generator.random(signs.shape) < FLIPPED] *= -1
    return signs.astype(np.int8), labels.astype(np.uint8)


def sorting_map(
    query: torch.Tensor, items: torch.Tensor, query_labels: torch.Tensor, labels: torch.Tensor
) -> float:
    """Give mAP by sorting all distances; ties fall as the sort leaves them."""
    distances = 0.5 * (query.shape[1] - query @ items.T)
    order = distances.sort(dim=1).indices
    total, defined = 0.0, 0
    for row in range(len(query)):
        relevant = (query_labels[row] @ labels.T > 0)[order[row]]
        ranks = relevant.nonzero().squeeze(1) + 1
        if len(ranks):
            total += float((torch.arange(1, len(ranks) + 1) / ranks).mean())
            defined += 1
    return total / defined


def scorers(queries: int) -> dict[str, Scorer]:
    """Prepare both ways to score so many queries, each with its data in the form it takes."""
    signs, labels = codes_and_labels()
    packed = pack(signs)
    real, real_labels = torch.from_numpy(unpack(packed, BITS)).float(), torch.from_numpy(labels).float()
    return {
        "one sort of all distances": lambda: sorting_map(
            real[:queries], real[QUERIES:], real_labels[:queries], real_labels[QUERIES:]
        ),
        "counts per distance": lambda: mean_average_precision(
            packed[:queries], packed[QUERIES:], labels[:queries], labels[QUERIES:]
        ),
    }


def seconds(scorer: Scorer) -> float:
    """Time one scoring."""
    start = time.perf_counter()
    scorer()
    return time.perf_counter() - start


def peak_megabytes(name: str) -> float:
    """Give the memory that one way to score takes on top, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_growth, (name,))


def _growth(name: str) -> float:
    scorers(1)[name]()  # compiled code and libraries are no part of it
    scorer = scorers(QUERIES)[name]
    if sys.platform != "linux":
        return math.nan
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts anew from here
    before = _peak()
    scorer()
    return _peak() - before


def _peak() -> float:
    """Give the most memory that this process held, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Print both times, the ratio, and the memory that each takes."""
    torch.set_num_threads(cores())
    ways = scorers(QUERIES)
    scores = {name: scorer() for name, scorer in ways.items()}
    # In turn, so that other work on the machine slows both alike.
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, scorer in ways.items():
            times[name].append(seconds(scorer))
    medians = {name: statistics.median(values) for name, values in times.items()}
    slow, fast = medians.values()
    table = Table("scoring one task by", "mAP", "seconds (median)", "peak memory, MB")
    for name in ways:
        table.add_row(name, f"{scores[name]:.6f}", f"{medians[name]:.4f}", f"{peak_megabytes(name):.0f}")
    console = Console()
    console.print(
        f"{QUERIES} queries x {ITEMS} items, {BITS} bits, {CLASSES} classes, {cores()} threads, "
        f"{REPEATS} repeats"
    )
    console.print(table)
    console.print(f"ratio: {slow / fast:.0f} times faster (at least {REQUIRED:.0f} is required)")
    if slow / fast < REQUIRED:
        sys.exit(1)


if __name__ == "__main__":
    main()
