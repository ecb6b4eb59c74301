"""Which method, how many bytes: several methods and lengths on one set of features, as table and as plot.

python -m benchmarks.pareto [FEATURES] [--output pareto] [--methods cca ridge twdh] [--bits 16 32 64]
    [--seeds 1] [-S key=value ...]

FEATURES: a folder with features.npz, captions and labels (docs/data.md); without it one is made. What a run
scored stays in the output folder and is not made again; table and plot are of all runs that lie there.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.made_features import make_features
from benchmarks.runs import ROOT, SCORING, convert, run_stages
from crosshash.artifacts import write_text
from crosshash.config.params import METHODS, load_params
from crosshash.experiments.costs import INDEX, MODEL, TIMINGS
from crosshash.experiments.files import METRICS, PARAMS, SCORES
from crosshash.experiments.revisions import Folder
from crosshash.experiments.runs import read_run
from crosshash.experiments.table.leaderboard import Leaderboard, build_leaderboard
from crosshash.experiments.table.markdown import markdown_table
from crosshash.experiments.table.page import leaderboard_page
from crosshash.experiments.table.pareto_plot import write_plot

KEPT = (METRICS, PARAMS, SCORES, TIMINGS, MODEL, INDEX)


def main() -> None:
    """Make the runs that are missing, then the page, the table and the plot."""
    parser = argparse.ArgumentParser(description="Bytes an item against quality, method by method.")
    parser.add_argument("features", nargs="?", type=Path, metavar="FEATURES")
    parser.add_argument("--output", type=Path, default=ROOT / "pareto")
    parser.add_argument("--methods", nargs="*", default=["cca", "ridge", "twdh"], choices=METHODS)
    parser.add_argument("--bits", type=int, nargs="*", default=[16, 32, 64])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("-S", dest="settings", action="append", default=[], metavar="key=value")
    asked = parser.parse_args()
    runs = asked.output / "runs"
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        features = asked.features.resolve() if asked.features else make_features(Path(folder) / "features")
        settings = ["dataset=features", f"features.path={features}", *asked.settings]
        convert(project, settings)
        for seed in range(asked.seeds):
            for method in asked.methods:
                score(project, runs, settings, method, seed, asked.bits)
    board = build_leaderboard([read_run(path.name, Folder(path)) for path in sorted(runs.iterdir())])
    write(board, asked.output)


def score(
    project: Path, runs: Path, settings: Sequence[str], method: str, seed: int, lengths: Sequence[int]
) -> None:
    """Run a method at each length, training again only where the length is one that training knows."""
    shutil.rmtree(project / "artifacts", ignore_errors=True)
    for bits in lengths:
        kept = runs / f"{method}-{bits}-{seed}"
        if kept.exists():
            continue
        print(kept.name, flush=True)
        section = load_params(ROOT / PARAMS).model_copy(update={"method": method}).method_section
        alike = section.trained_bits(bits) == section.trained_bits(bits + 8)
        trained = (project / MODEL).exists() and alike and not section.training_knows_bits()
        stages = [stage for stage in (*SCORING, "index") if not trained or stage not in ("train", "infer")]
        run_stages(project, stages, [*settings, f"method={method}", f"seed={seed}", f"bits={bits}"])
        with tempfile.TemporaryDirectory(dir=project) as folder:
            for name in KEPT:
                (Path(folder) / "run" / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(project / name, Path(folder) / "run" / name)
            shutil.copytree(Path(folder) / "run", kept)


def write(board: Leaderboard, output: Path) -> None:
    """Write leaderboard.md, leaderboard.html and pareto.png, and print the table."""
    text = markdown_table(board)
    write_text(output / "leaderboard.md", text)
    write_text(output / "leaderboard.html", leaderboard_page(board))
    write_plot(board, output / "pareto.png")
    print(text, output.resolve(), sep="\n")


if __name__ == "__main__":
    main()
