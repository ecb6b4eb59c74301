"""All methods on generated scenes, one line each: scores, training time, items per second, memory.

python -m benchmarks.methods [--preset fair] [--seeds 1] [-S key=value ...]

Each trains by params.yaml in a process of its own, one after the other: the runs of `dvc exp run --queue
-S 'method=...'`. `-S scenes.count=1500` makes it short; `-S dataset=features -S features.path=/data/vectors`
and the like take another data set.
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
    parser.add_argument("--preset", dest="presets", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("-S", dest="settings", action="append", default=[], metavar="key=value")
    chosen = parser.parse_args()
    table = Table("method", *(f"mAP {task}" for task in TASKS), "training, s", "items/s", "peak memory, MB")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        items = convert(project, chosen.settings)
        for method in METHODS:
            settings = [*chosen.settings, f"method={method}"]
            table.add_row(method, *line(project, chosen.presets, settings, chosen.seeds))
    console = Console()
    console.print(f"{items} training items, mean of {chosen.seeds} seed(s)")
    console.print(table)


def line(project: Path, presets: list[str], settings: list[str], seeds: int) -> list[str]:
    """Train a method once per seed; gives the mean of each column."""
    runs = [train_and_score(project, presets, [*settings, f"seed={seed}"]) for seed in range(seeds)]
    scores = [statistics.mean(run.metrics[task]["mAP"] for run in runs) for task in TASKS]
    times = (run.seconds for run in runs), (run.pairs_per_second for run in runs)
    seconds, speed = (statistics.mean(values) for values in times)
    memory = max(run.megabytes for run in runs)
    return [*(f"{score:.3f}" for score in scores), f"{seconds:.0f}", f"{speed:.0f}", f"{memory:.0f}"]


if __name__ == "__main__":
    main()
