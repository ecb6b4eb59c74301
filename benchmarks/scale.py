"""What each stage costs as the number of pairs grows: `python -m benchmarks.scale [--sizes N M]`.

Vectors are made (512 numbers for an image, 384 for a text, 80 classes, 2.6 labels an item, 5,000 queries, as
COCO has), and every stage of each method runs in a process of its own, one epoch. Prints CPU seconds and peak
memory by stage, and the exponent of growth of the CPU seconds between the smallest and the largest size: 1 is
linear. A stage that loads its libraries for longer than it works has an exponent near 0. Stages up to convert
run once per size; they are those of the first method. Two sizes of 100,000 and 1,000,000 pairs take about 40
CPU minutes and 16 GB of disk; --code takes the stages of another checkout.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.made_vectors import make_vectors

ROOT = Path(__file__).resolve().parent.parent
DATASET = "features"
BEFORE = ("plan", "download", "convert")
AFTER = (
    "plan", "embed", "centers", "transform", "train", "infer", "encode", "evaluate", "index", "report",
)  # fmt: skip
QUERIES = 5_000
METHODS = ("twdh", "cca", "ridge", "dcmht")


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a stage, those of its own processes included, and the most that one of them held, MB."""

    seconds: float
    megabytes: float


Costs = dict[tuple[str, int, str], Cost]
"""By method, number of pairs and stage."""


def main() -> None:
    """Measure and print."""
    arguments = parsed()
    costs: Costs = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for size in arguments.sizes:
            costs |= measure(Path(folder) / str(size), size, arguments.methods, arguments.code)
            shutil.rmtree(Path(folder) / str(size))
    console = Console(width=200)
    for method in arguments.methods:
        console.print(laid_out(method, costs, arguments.sizes))
    if arguments.json:
        rows = [[*place, cost.seconds, cost.megabytes] for place, cost in costs.items()]
        arguments.json.write_text(json.dumps(rows))


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000], help="numbers of pairs")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--code", type=Path, default=ROOT, help="checkout whose stages run")
    parser.add_argument("--folder", type=Path, help="where the made files go for a while")
    parser.add_argument("--json", type=Path, help="file that gets all figures")
    found = parser.parse_args()
    found.sizes.sort()
    return found


def measure(project: Path, size: int, methods: Iterable[str], code: Path) -> Costs:
    """Run all stages of each method on so many pairs."""
    vectors = make_vectors(project / "vectors", size)
    for name in ("configs", "examples"):
        shutil.copytree(code / name, project / name)
    costs: Costs = {}
    for number, method in enumerate(methods):
        write_params(project, code, method, vectors, size)
        for stage in (*(() if number else BEFORE), *AFTER):
            if (code / "stages" / f"{stage}.py").is_file():
                costs[method, size, stage] = cost = run(project, code, stage)
                print(
                    f"{method} {size:,} {stage}: {cost.seconds:.1f} s, {cost.megabytes:,.0f} MB", flush=True
                )
    return costs


def write_params(project: Path, code: Path, method: str, vectors: Path, size: int) -> None:
    """Write params.yaml: the settings of a checkout, one epoch, 5,000 queries or an eighth."""
    shutil.copy(code / "params.yaml", project)
    queries = min(QUERIES, size // 8)
    settings = [f"method={method}", f"dataset={DATASET}", f"features.path={vectors}", "train.epochs=1"]
    settings += ["train.batch=256", f"split.query={queries}", f"split.train={size - queries}"]
    from dvc.utils.hydra import apply_overrides

    apply_overrides(project / "params.yaml", settings)


def run(project: Path, code: Path, stage: str) -> Cost:
    """Run a stage as DVC would.

    Raises:
        SystemExit: it failed.
    """
    environment = os.environ | {
        "PYTHONPATH": str(code),
        "CROSSHASH_RAW": str(project / "raw"),
        "CROSSHASH_STATE": str(project / "state"),
    }
    command = [sys.executable, "-m", f"stages.{stage}", DATASET]
    with (project / f"{stage}.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log)
        _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{stage} failed:\n{(project / f'{stage}.log').read_text()}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def laid_out(method: str, costs: Costs, sizes: list[int]) -> Table:
    """Lay out the stages of a method: seconds and megabytes for each size, then the exponent."""
    table = Table("stage", title=method)
    for size in sizes:
        table.add_column(f"{size:,}: CPU s", justify="right")
        table.add_column("MB", justify="right")
    table.add_column("exponent", justify="right")
    for stage in dict.fromkeys(stage for one, _, stage in costs if one == method):
        found = [costs[method, size, stage] for size in sizes]
        cells = [text for cost in found for text in (f"{cost.seconds:.1f}", f"{cost.megabytes:,.0f}")]
        table.add_row(stage, *cells, exponent(found, sizes))
    sums = [
        sum(cost.seconds for (one, at, _), cost in costs.items() if (one, at) == (method, size))
        for size in sizes
    ]
    table.add_row("all", *(text for total in sums for text in (f"{total:.1f}", "")), "")
    return table


def exponent(found: list[Cost], sizes: list[int]) -> str:
    """Write the slope between logarithms of pairs and seconds, first to last size."""
    if len(sizes) < 2:
        return ""
    return f"{math.log(found[-1].seconds / found[0].seconds) / math.log(sizes[-1] / sizes[0]):.2f}"


if __name__ == "__main__":
    main()
