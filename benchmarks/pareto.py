"""Which method, how many bytes: several methods and lengths on one set of features, as table and as plot.

python -m benchmarks.pareto [FEATURES] [--output pareto] [--methods cca ridge twdh] [--bits 16 32 64]
    [--seeds 1] [-S key=value ...]

FEATURES: a folder with features.npz, captions and labels (docs/data.md); without it one is made. What a run
scored stays in the output folder, below a digest of the converted set and of the settings, and is not made
again; table and plot are of all runs of the same.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.made_features import make_features
from benchmarks.runs import ROOT, convert, run_stages
from crosshash.artifacts import write_text
from crosshash.checksums import folder_digest
from crosshash.config.params import METHODS
from crosshash.experiments.costs import INDEX, MODEL, TIMINGS
from crosshash.experiments.files import METRICS, PARAMS, SCORES
from crosshash.experiments.revisions import Folder
from crosshash.experiments.runs import read_run
from crosshash.experiments.table.leaderboard import Leaderboard, build_leaderboard
from crosshash.experiments.table.markdown import markdown_table
from crosshash.experiments.table.page import leaderboard_page
from crosshash.experiments.table.pareto_plot import write_plot

TRAINED = Path("plan/train.yaml")
BEFORE, AFTER = ("plan", "embed", "centers", "transform"), ("encode", "evaluate", "index")
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
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        features = asked.features.resolve() if asked.features else make_features(Path(folder) / "features")
        settings = ["dataset=features", f"features.path={features}", *asked.settings]
        convert(project, settings)
        runs = asked.output / "runs" / state(project, asked.settings)
        for seed in range(asked.seeds):
            for method in asked.methods:
                score(project, runs, settings, method, seed, asked.bits)
    board = build_leaderboard([read_run(path.name, Folder(path)) for path in sorted(runs.iterdir())])
    write(board, asked.output)


def state(project: Path, settings: Sequence[str]) -> str:
    """Tell runs of other vectors, pairs, splits or settings apart, by a digest."""
    found = [
        folder_digest(project / "data/features"),
        (ROOT / PARAMS).read_text(encoding="utf-8"),
        *sorted(settings),
    ]
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]


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
        asked = [*settings, f"method={method}", f"seed={seed}", f"bits={bits}"]
        trained = (project / TRAINED).read_text(encoding="utf-8") if (project / MODEL).exists() else None
        run_stages(project, BEFORE, asked)
        again = trained != (project / TRAINED).read_text(encoding="utf-8")
        run_stages(project, [*(("train", "infer") if again else ()), *AFTER], asked)
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
