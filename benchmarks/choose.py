"""Choose a setting by the validation queries alone; no score of a test query is looked at or printed.

python -m benchmarks.choose hq.alpha=0.1,0.2,0.4 [-S key=value ...] [--preset fair] [--seeds 3]

Trains once per value and seed and prints the mean mAP of the validation queries at the kept epoch.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.runs import Run, convert, train_and_score

TASKS = ("i2t", "t2i")


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description="A setting by validation.")
    parser.add_argument("choice", metavar="key=value,value,...")
    parser.add_argument("-S", dest="settings", action="append", default=[], metavar="key=value")
    parser.add_argument("--preset", dest="presets", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    key, _, values = asked.choice.partition("=")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        convert(project, asked.settings)
        best = choose(project, asked.presets, asked.settings, key, values.split(","), asked.seeds)
    print(f"best: {key}={best}")


def choose(
    project: Path,
    presets: Sequence[str],
    settings: Sequence[str],
    key: str,
    values: Sequence[str],
    seeds: int,
) -> str:
    """Print the validation score of each value, in a project with a converted data set, and give the best."""
    print(f"| {key} | i2t | t2i | mean |\n|--:|--:|--:|--:|")
    means = {}
    for value in values:
        chosen = [*settings, f"{key}={value}"]
        runs = [train_and_score(project, presets, [*chosen, f"seed={seed}"]) for seed in range(seeds)]
        scores = [validation_score(runs, task) for task in TASKS]
        means[value] = statistics.mean(scores)
        print(
            f"| {value} | " + " | ".join(f"{score:.3f}" for score in (*scores, means[value])) + " |",
            flush=True,
        )
    return max(means, key=lambda value: means[value])


def validation_score(runs: list[Run], task: str) -> float:
    """Mean mAP of the validation queries over the seeds."""
    return statistics.mean(run.curves[f"val_{task}"] for run in runs)


if __name__ == "__main__":
    main()
