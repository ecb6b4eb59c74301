"""All methods on generated scenes, one line each: scores, training time, items per second, memory.

python -m benchmarks.methods [--count 1500] [--epochs 18] [--bits 32] [--seeds 1] [-S key=value ...]

Each trains with the preset `fair` in a process of its own, one after the other. `-S dataset=features
-S features.path=/data/vectors` and the like take another data set.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.runs import convert, train_and_score
from crosshash.config.params import METHODS

TASKS = ("i2t", "t2i")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="All methods on one data set.")
    parser.add_argument("--count", type=int, default=1500, help="generated scenes")
    parser.add_argument("--epochs", type=int, help="other than the preset's")
    parser.add_argument("--bits", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("-S", dest="settings", action="append", default=[], metavar="key=value")
    chosen = parser.parse_args()
    data = [f"scenes.count={chosen.count}", *chosen.settings]
    settings = [*data, f"bits={chosen.bits}"]
    if chosen.epochs:
        settings.append(f"train.epochs={chosen.epochs}")
    table = Table("method", *(f"mAP {task}" for task in TASKS), "training, s", "items/s", "peak memory, MB")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        items = convert(project, data)
        for method in METHODS:
            table.add_row(method, *line(project, [*settings, f"method={method}"], chosen.seeds))
    console = Console()
    console.print(f"{items} training items, {chosen.bits} bits, mean of {chosen.seeds} seed(s), preset fair")
    console.print(table)


def line(project: Path, settings: list[str], seeds: int) -> list[str]:
    """Train a method once per seed; gives the mean of each column."""
    runs = [train_and_score(project, ("fair",), [*settings, f"seed={seed}"]) for seed in range(seeds)]
    scores = [statistics.mean(run.metrics[task]["mAP"] for run in runs) for task in TASKS]
    times = (run.seconds for run in runs), (run.pairs_per_second for run in runs)
    seconds, speed = (statistics.mean(values) for values in times)
    memory = max(run.megabytes for run in runs)
    return [*(f"{score:.3f}" for score in scores), f"{seconds:.0f}", f"{speed:.0f}", f"{memory:.0f}"]


if __name__ == "__main__":
    main()
