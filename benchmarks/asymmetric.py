"""What scoring by asymmetric distance costs beside Hamming distance, and what rounding queries moves.

2,000 queries, 18,000 items, 64 bits, 24 classes: one task, all its measures and their intervals, in turns.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the stages

import statistics
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from crosshash.codes.hashcodes import pack
from crosshash.codes.real_codes import query_levels
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.bootstrap import intervals
from crosshash.retrieval.measures.precision_recall import curve_ranks
from crosshash.retrieval.measures.ranking_measures import PrecisionWithin, RecallWithin
from crosshash.retrieval.ranking.asymmetric import RealSearch
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.score_ranking import rank_by_score
from crosshash.retrieval.scoring.report_measures import MEASURES
from crosshash.retrieval.scoring.tasks import TaskScores, score_task

QUERIES, ITEMS, BITS, CLASSES = 2_000, 18_000, 64, 24
ROUNDS, LIMIT = 5, 4.0


def main() -> None:
    """Print both times, their ratio and what rounding moves; exit 1 beyond the limit."""
    generator = np.random.default_rng(0)
    prototypes = generator.normal(size=(CLASSES, BITS))
    sides = [items(generator, prototypes, count) for count in (QUERIES, ITEMS)]
    (labels, real), (item_labels, item_real) = sides
    query, retrieval = Side.of(pack(real), labels), Side.of(pack(item_real), item_labels)
    search = RealSearch(query_levels(real), pack(item_real), query, retrieval)
    ways: dict[str, Callable[[], TaskScores]] = {
        "Hamming": lambda: scored(query, retrieval, None),
        "asymmetric": lambda: scored(query, retrieval, search),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            seconds[name].append(time.process_time() - start)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}  # the first compiles
    table = Table("one task, all measures and intervals", "CPU seconds", "ratio")
    for name, median in medians.items():
        table.add_row(name, f"{median:.3f}", f"{median / medians['Hamming']:.2f}")
    Console().print(table)
    rounded = ways["asymmetric"]().values["AP"].mean()
    unrounded = exact(real, item_real, labels, item_labels)
    print(f"mAP by rounded real codes {rounded:.6f}, by float32 ones {unrounded:.6f}")
    raise SystemExit(medians["asymmetric"] > LIMIT * medians["Hamming"])


def items(
    generator: np.random.Generator, prototypes: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Labels uint8[N, C] and real codes float[N, K] near the sums of their prototypes."""
    labels = (generator.random((count, CLASSES)) < 0.15).astype(np.uint8)
    return labels, labels @ prototypes + 1.5 * generator.normal(size=(count, BITS))


def scored(query: Side, retrieval: Side, search: RealSearch | None) -> TaskScores:
    """Score a task as the evaluate stage does."""
    of_radius = PrecisionWithin | RecallWithin
    measures = [one for one in MEASURES if search is None or not isinstance(one, of_radius)]
    found = score_task(
        query, retrieval, measures, curve_ranks(ITEMS),
        ties="expected", undefined="skip", names=[""] * QUERIES, real=search,
    )  # fmt: skip
    intervals(np.column_stack(list(found.values.values())), 1000, np.random.default_rng(0))
    return found


def exact(real: np.ndarray, item_real: np.ndarray, labels: np.ndarray, item_labels: np.ndarray) -> float:
    """MAP by inner products in float32, sorted."""
    signs, values = np.where(item_real >= 0, 1, -1).astype(np.float32), []
    for start in range(0, QUERIES, 100):
        rows = slice(start, start + 100)
        relevant = labels[rows].astype(np.float32) @ item_labels.T.astype(np.float32) > 0
        there = relevant.any(axis=1)
        scores = (real[rows].astype(np.float32) @ signs.T)[there]
        values.append(AP()(rank_by_score(scores, relevant[there], "expected")))
    return float(np.concatenate(values).mean())


if __name__ == "__main__":
    main()
