"""How fast codes are scored, and in how much memory: beside sorting, from files, at COCO's size, by size.

Two references are written here in the manner of published code; both give mAP alone: a loop over the queries,
each with a matrix product, a torch sort and its ranks; and one product and one sort over the whole matrix of
distances, then a loop over its rows. Counting gives mAP alone, which is what the first is compared with, or
all that the evaluate stage finds of a task: every measure, both curves, all intervals. All are timed in turn,
on the same codes. Peak memory (on Linux) is taken in a process of its own for each: how far it
rises above what the process held before. A busy machine slows the reference more than the counts, since
torch's threads wait for one another: measure on an idle one.
"""

from __future__ import annotations

import math
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from crosshash.codes.hashcodes import pack, unpack
from crosshash.retrieval.measures.bootstrap import intervals
from crosshash.retrieval.measures.mean_ap import mean_average_precision
from crosshash.retrieval.measures.precision_recall import curve_ranks
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.scoring.evaluation import CURVE
from crosshash.retrieval.scoring.report_measures import MEASURES
from crosshash.retrieval.scoring.tasks import TaskScores, score_task
from crosshash.seeding import stream
from crosshash.workers.cores import cores

LABELS_PER_ITEM, FLIPPED, BITS = 3.0, 0.25, 64
REPEATS = 5
TIMES_FASTER, SHARE_OF_MEMORY = 60, 0.1
COLD_SECONDS = 5.0
LARGE_SECONDS, LARGE_MEGABYTES = 3.0, 1000.0
RISE = 1.5  # of the cost per pair, from any size to the largest

console = Console()


@dataclass(frozen=True)
class Size:
    """Queries, items and classes of a search."""

    queries: int
    items: int
    classes: int

    def __str__(self) -> str:
        return f"{self.queries:,} x {self.items:,}, {BITS} bits, {self.classes} classes"


MIRFLICKR, COCO = Size(2_000, 18_000, 24), Size(5_000, 117_218, 80)
SIZES = (Size(100, 10_000, 24), Size(1_000, 10_000, 24), Size(2_000, 50_000, 24), Size(10_000, 100_000, 24))


@dataclass(frozen=True)
class Codes:
    """Packed codes and labels of queries and items."""

    query: NDArray[np.uint8]
    items: NDArray[np.uint8]
    query_labels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def draw(size: Size) -> Codes:
    """Draw labels, some classes far more frequent than others, and noisy codes of the label sets."""
    generator = stream(0, "benchmark", "scoring")
    weights = 1 / np.arange(1, size.classes + 1)
    share = np.minimum(LABELS_PER_ITEM * weights / weights.sum(), 0.9)
    labels = generator.random((size.queries + size.items, size.classes)) < share
    bare = ~labels.any(axis=1)
    labels[bare, generator.integers(size.classes, size=int(bare.sum()))] = True
    centers = generator.choice([-1, 1], size=(size.classes, BITS))
    signs = np.where(labels @ centers + generator.choice([-0.5, 0.5], size=BITS) > 0, 1, -1)
    signs[generator.random(signs.shape) < FLIPPED] *= -1
    packed, labels = pack(signs), labels.astype(np.uint8)
    cut = size.queries
    return Codes(packed[:cut], packed[cut:], labels[:cut], labels[cut:])


def by_sorting_each(codes: Codes) -> float:
    """Give mAP by sorting the distances of one query after the other; ties fall as the sort leaves them."""
    query, items, query_labels, labels = _tensors(codes)
    found = []
    for row in range(len(query)):
        order = (0.5 * (BITS - query[row] @ items.T)).sort().indices
        found.append(_average_precision((query_labels[row] @ labels.T > 0)[order]))
    return statistics.fmean(value for value in found if value is not None)


def by_sorting_all(codes: Codes) -> float:
    """Give mAP by one sort over all distances."""
    query, items, query_labels, labels = _tensors(codes)
    order = (0.5 * (BITS - query @ items.T)).sort(dim=1).indices
    rows = range(len(query))
    found = [_average_precision((query_labels[row] @ labels.T > 0)[order[row]]) for row in rows]
    return statistics.fmean(value for value in found if value is not None)


def _tensors(codes: Codes) -> list[Any]:
    import torch

    torch.set_num_threads(cores())
    arrays = (unpack(codes.query, BITS), unpack(codes.items, BITS), codes.query_labels, codes.labels)
    return [torch.from_numpy(array).float() for array in arrays]


def _average_precision(relevant: Any) -> float | None:  # noqa: ANN401 - torch is imported only by its user
    """Average precision of one ranking; None where nothing is relevant."""
    import torch

    ranks = relevant.nonzero().squeeze(1) + 1
    return float((torch.arange(1, len(ranks) + 1) / ranks).mean()) if len(ranks) else None


def map_by_counts(codes: Codes) -> float:
    """Give mAP from counts per distance."""
    return mean_average_precision(codes.query, codes.items, codes.query_labels, codes.labels)


def task_by_counts(codes: Codes) -> float:
    """Find all that the evaluate stage finds of a task; gives mAP."""
    scores = measures_by_counts(codes)
    intervals(np.column_stack(list(scores.values.values())), 1000, stream(0, "bootstrap"))
    return float(scores.values["AP"].mean())


def measures_by_counts(codes: Codes) -> TaskScores:
    """Find every measure and both curves of a task: all but the intervals, which no pair adds to."""
    return score_task(
        Side.of(codes.query, codes.query_labels),
        Side.of(codes.items, codes.labels),
        MEASURES,
        curve_ranks(len(codes.items), CURVE),
        ties="expected",
        undefined="skip",
        names=[""] * len(codes.query),
    )


Scorer = Callable[[Codes], float]


def median_seconds(ways: Sequence[Scorer], codes: Codes) -> list[float]:
    """Time each way, in turn, so that other work on the machine slows all alike."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(REPEATS):
        for way, spent in zip(ways, times, strict=True):
            start = time.perf_counter()
            way(codes)
            spent.append(time.perf_counter() - start)
    return [statistics.median(spent) for spent in times]


def peak_megabytes(way: Scorer, size: Size) -> float:
    """Give the memory that one way to score takes on top, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_growth, (way, size))


def _growth(way: Scorer, size: Size) -> float:
    way(draw(Size(2, 100, size.classes)))  # compiled code and libraries are no part of it
    codes = draw(size)
    if sys.platform != "linux":
        return math.nan
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts anew from here
    before = _status("VmRSS")
    way(codes)
    return _status("VmHWM") - before


def _status(key: str) -> float:
    """Give what this process holds, or held at most, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def beside_sorting() -> bool:
    """Print times, memory and their ratios to the reference; say whether they are as required."""
    codes, ways = draw(MIRFLICKR), [by_sorting_each, by_sorting_all, map_by_counts, task_by_counts]
    scores = [way(codes) for way in ways]  # the first call compiles
    seconds, memory = median_seconds(ways, codes), [peak_megabytes(way, MIRFLICKR) for way in ways]
    table = Table("one task", "mAP", "seconds", "x each", "x all", "peak, MB")
    names = ("mAP, sorting each", "mAP, sorting all", "mAP by counts", "everything by counts")
    for row, name in enumerate(names):
        faster = [f"{seconds[reference] / seconds[row]:.0f}" for reference in (0, 1)]
        table.add_row(name, f"{scores[row]:.6f}", f"{seconds[row]:.4f}", *faster, f"{memory[row]:.0f}")
    console.print(f"{MIRFLICKR}, {cores()} threads, {REPEATS} repeats", table)
    ratio, beside_all, share = seconds[0] / seconds[2], seconds[1] / seconds[2], memory[2] / memory[1]
    console.print(
        f"mAP: {ratio:.0f} times faster than sorting each query's distances (required: {TIMES_FASTER}), "
        f"{beside_all:.0f} times faster than sorting all, in {share:.3f} of its memory "
        f"(at most {SHARE_OF_MEMORY})",
        soft_wrap=True,
    )
    return ratio >= TIMES_FASTER and not share > SHARE_OF_MEMORY


def cold() -> bool:
    """Print how long `crosshash score` takes for all four tasks, start of the process included."""
    codes, other = draw(MIRFLICKR), draw(Size(MIRFLICKR.queries, MIRFLICKR.items, MIRFLICKR.classes - 1))
    arrays = {"q_img": codes.query, "r_img": codes.items, "q_txt": other.query, "r_txt": other.items}
    content = {key: unpack(packed, BITS) for key, packed in arrays.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.mat"
        scipy.io.savemat(path, {**content, "q_l": codes.query_labels, "r_l": codes.labels})
        start = time.perf_counter()
        program = "from crosshash.cli import app; app()"
        subprocess.run([sys.executable, "-c", program, "score", path], check=True, capture_output=True)
        seconds = time.perf_counter() - start
    console.print(
        f"crosshash score, cold, four tasks: {seconds:.1f} s (at most {COLD_SECONDS:.0f})", soft_wrap=True
    )
    return seconds <= COLD_SECONDS


def at_coco_size() -> bool:
    """Print time and memory of one task of MS COCO's size."""
    (seconds,), memory = median_seconds([task_by_counts], draw(COCO)), peak_megabytes(task_by_counts, COCO)
    console.print(
        f"{COCO}, everything of one task: {seconds:.2f} s (at most {LARGE_SECONDS:.0f}), {memory:.0f} MB "
        f"(at most {LARGE_MEGABYTES:.0f})"
    )
    return seconds <= LARGE_SECONDS and not memory > LARGE_MEGABYTES


def by_size() -> bool:
    """Print what a pair costs, in processor time of all threads, which other work does not change."""
    costs = []
    for size in SIZES:
        codes, pairs = draw(size), size.queries * size.items
        spent = []
        for _ in range(max(2, min(20, 10**8 // pairs))):
            start = time.process_time()
            measures_by_counts(codes)
            spent.append((time.process_time() - start) / pairs * 1e9)
        costs.append(min(spent))
        console.print(
            f"{pairs:.0e} pairs ({size}): {costs[-1]:.2f} ns of processor time a pair", soft_wrap=True
        )
    console.print(f"largest beside cheapest: {costs[-1] / min(costs):.2f} (at most {RISE})", soft_wrap=True)
    return costs[-1] <= RISE * min(costs)


def main() -> None:
    """Print it all; exit 1 if anything is not as required."""
    if not all([beside_sorting(), cold(), at_coco_size(), by_size()]):
        sys.exit(1)


if __name__ == "__main__":
    main()
