"""Choose a setting by the validation queries alone; no score of a test query is looked at or printed.

python -m benchmarks.choose hq.alpha=0.1,0.2,0.4 [-S key=value ...] [--preset fair] [--seeds 3]
    [--measure 'AP@50[hits]']

Trains once per value and seed and prints how well the validation queries search the training items, mAP if no
other measure is named.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.runs import convert, train_and_score
from benchmarks.validation import validation_sets
from crosshash.config.params import load_params
from crosshash.retrieval.codefiles.codeset import read_code_set
from crosshash.retrieval.scoring.evaluation import evaluate

DIRECTIONS = ("i2t", "t2i")


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description="A setting by validation.")
    parser.add_argument("choice", metavar="key=value,value,...")
    parser.add_argument("-S", dest="settings", action="append", default=[], metavar="key=value")
    parser.add_argument("--preset", dest="presets", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--measure", default="AP", help="a column of per_query.parquet")
    asked = parser.parse_args()
    key, _, values = asked.choice.partition("=")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        convert(project, asked.settings)
        best = choose(
            project, asked.presets, asked.settings, key, values.split(","), asked.seeds, asked.measure
        )
    print(f"best: {key}={best}")


def choose(
    project: Path,
    presets: Sequence[str],
    settings: Sequence[str],
    key: str,
    values: Sequence[str],
    seeds: int,
    measure: str = "AP",
) -> str:
    """Print the validation score of each value, in a project with a converted data set, and give the best."""
    print(f"{measure} of the validation queries:\n\n| {key} | i2t | t2i | mean |\n|--:|--:|--:|--:|")
    means = {}
    for value in values:
        found = []
        for seed in range(seeds):
            train_and_score(project, presets, [*settings, f"{key}={value}", f"seed={seed}"])
            found.append(validation_scores(project, measure))
        scores = [statistics.mean(column) for column in zip(*found, strict=True)]
        means[value] = statistics.mean(scores)
        cells = " | ".join(f"{score:.3f}" for score in (*scores, means[value]))
        print(f"| {value} | {cells} |", flush=True)
    return max(means, key=lambda value: means[value])


def validation_scores(project: Path, measure: str) -> list[float]:
    """Let the validation queries of the codes in a project search its training items, both ways."""
    codes = read_code_set(project / "artifacts" / "codes" / "retrieval.npz")
    dataset = load_params(project / "params.yaml").dataset
    query, items = validation_sets(codes, project / "data" / dataset)
    tasks = evaluate(query, items, bootstrap=1).tasks
    return [float(tasks[task].values[measure].mean()) for task in DIRECTIONS]


if __name__ == "__main__":
    main()
