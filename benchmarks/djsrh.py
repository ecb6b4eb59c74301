"""The ablation table of docs/djsrh.md: what each part of DJSRH adds, on vectors and captions.

python -m benchmarks.djsrh [FEATURES] [--bits 64] [--seeds 3] [--betas 0.2 0.4 0.6 0.8] [-S key=value ...]

FEATURES is a folder with features.npz and pairs.csv. A row trains with the presets `fair` and its own.
With --betas, djsrh.beta is first chosen among them by the validation queries (full method, every seed).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.choose import choose
from benchmarks.runs import ROOT, Run, convert, train_and_score
from crosshash.config.params import load_params
from crosshash.config.presets import read_preset

ROWS = (*(f"ablation-{row}" for row in (1, 2, 3, 4, 5)), "full", "ablation-6")
MEASURES = ("AP@50[hits]", "mAP")
TASKS = ("i2t", "t2i")
Scores = dict[tuple[str, str], float]


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description="DJSRH's ablation.")
    parser.add_argument("features", nargs="?", type=Path, default=ROOT / "examples" / "features")
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--betas", nargs="*", default=[])
    parser.add_argument("-S", dest="settings", action="append", default=[], metavar="key=value")
    chosen = parser.parse_args()
    data = ["dataset=features", f"features.path={chosen.features.resolve()}"]
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        items = convert(project, data)
        smaller = [f"train.batch={items}"] if items < batch_of_fair() else []
        settings = [*data, *smaller, f"bits={chosen.bits}", *chosen.settings]
        if chosen.betas:
            presets = ("fair", "djsrh/full")
            beta = choose(project, presets, settings, "djsrh.beta", chosen.betas, chosen.seeds)
            settings.append(f"djsrh.beta={beta}")
        print_table(project, settings, chosen.seeds)


def batch_of_fair() -> int:
    """Give the batch of the preset, more than the example vectors have items."""
    settings = dict(setting.split("=") for setting in read_preset(ROOT, "fair").settings)
    return int(settings["train.batch"])


def print_table(project: Path, settings: list[str], seeds: int) -> None:
    """Print every row's scores of the query set, mean of the seeds, and whether the full method leads."""
    heads = " | ".join(f"{measure} {task}" for measure in MEASURES for task in TASKS)
    print(f"| row | beta | eta | mu | lambda | alpha | {heads} | mean of AP@50[hits] |")
    print("|---|--:|--:|--:|--:|---|" + "--:|" * 5)
    means = {}
    for row in ROWS:
        runs = trained(project, row, settings, seeds)
        own = load_params(project / "params.yaml").model_dump()["djsrh"]
        scores = mean_scores(runs)
        means[row] = statistics.mean(scores["AP@50[hits]", task] for task in TASKS)
        weights = (own[key] for key in ("beta", "eta", "mu", "lambda1", "alpha"))
        values = (f"{value:.3f}" for value in (*scores.values(), means[row]))
        print(f"| {row} | " + " | ".join([*map(str, weights), *values]) + " |", flush=True)
    single = max(means["ablation-1"], means["ablation-2"])
    print(f"\nfull less the better single modality: {means['full'] - single:+.3f}")


def trained(project: Path, row: str, settings: list[str], seeds: int) -> list[Run]:
    """Train a row once per seed; what the row itself sets, such as beta in rows 1 and 2, stays."""
    own = {setting.split("=")[0] for setting in read_preset(ROOT, f"djsrh/{row}").settings}
    kept = [setting for setting in settings if setting.split("=")[0] not in own]
    return [
        train_and_score(project, ("fair", f"djsrh/{row}"), [*kept, f"seed={seed}"]) for seed in range(seeds)
    ]


def mean_scores(runs: list[Run]) -> Scores:
    """Mean over the seeds, by measure and direction."""
    return {
        (measure, task): statistics.mean(run.metrics[task][measure] for run in runs)
        for measure in MEASURES
        for task in TASKS
    }


if __name__ == "__main__":
    main()
