"""The table of docs/scahn.md: codes cut by significance, beside random cuts and networks of that length.

python -m benchmarks.significance PROJECT ...             projects in which `dvc repro` has trained SCAHN
python -m benchmarks.significance --data data/features    trains by params.yaml on a converted data set, for
    [--seeds 0 1 2] [-S train.epochs=16 ...]              each seed at scahn.train_bits and at every length
"""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dvc.utils.hydra import apply_overrides
from numpy.typing import NDArray

from benchmarks.validation import validation_sets
from crosshash.artifacts import write_npz
from crosshash.centers.center_book import write_centers
from crosshash.centers.transform import write_transform
from crosshash.codes.bit_index import Index, cut, most_significant, read_bit_index
from crosshash.config.params import load_params
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.evaluate import EvaluatePlan
from crosshash.config.resolve import resolve
from crosshash.config.yaml_text import yaml_text
from crosshash.retrieval.codefiles.codeset import TASKS, CodeSet, read_code_set
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.bootstrap import intervals
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.scoring.significance import random_subsets
from crosshash.retrieval.scoring.tasks import score_task
from crosshash.seeding import stream
from stages import embed, encode, train

ROOT = Path(__file__).resolve().parents[1]
LENGTHS = (64, 32, 16)
DIRECTIONS = ("i2t", "t2i")


@dataclass(frozen=True)
class Trained:
    """What one training left: codes as trained, of the validation queries and what they search too."""

    query: CodeSet
    retrieval: CodeSet
    val: CodeSet
    train: CodeSet
    significances: dict[str, NDArray[np.float64]]
    seed: int


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description="Codes cut by significance, beside random cuts.")
    parser.add_argument("projects", nargs="*", type=Path, help="folders where SCAHN was trained and encoded")
    parser.add_argument("--data", type=Path, help="a converted data set, data/<name>: train on it")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("-S", dest="settings", action="append", default=[], metavar="key=value")
    chosen = parser.parse_args()
    own: dict[int, list[dict[str, float]]] = {bits: [] for bits in LENGTHS}
    trained = [read_project(folder) for folder in chosen.projects]
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["CROSSHASH_STATE"] = temporary
        for seed in chosen.seeds if chosen.data else ():
            place = Path(temporary) / str(seed)
            trained.append(read_project(train_project(place / "cut", chosen.data, seed, chosen.settings)))
            for bits in LENGTHS:
                settings = [*chosen.settings, f"bits={bits}", f"scahn.train_bits={bits}"]
                one = read_project(train_project(place / str(bits), chosen.data, seed, settings))
                own[bits].append(
                    {task: mean_ap(one.query, one.retrieval, task, np.arange(bits)) for task in DIRECTIONS}
                )
    print_tables(trained, own)


def train_project(folder: Path, data: Path, seed: int, settings: list[str]) -> Path:
    """Run the train and encode stages in a folder of their own, by params.yaml and changed settings."""
    (folder / "plan").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "data" / data.name).symlink_to(data.resolve())
    params = folder / "params.yaml"
    params.write_text((ROOT / "params.yaml").read_text())
    apply_overrides(params, [f"dataset={data.name}", "method=scahn", f"seed={seed}", *settings])
    with chdir(ROOT):
        plans = resolve(load_params(params))
    for stage in ("embed", "train", "infer", "encode", "evaluate"):
        (folder / "plan" / f"{stage}.yaml").write_text(yaml_text(plans[stage].model_dump()))
    with chdir(folder):
        for length in ("long", "short"):
            write_centers(Path(f"artifacts/centers/{length}.npz"), None)
        write_transform(Path("artifacts/transform.npz"), None)
        write_npz(Path("artifacts/transform_training.npz"), {"used": np.array(False)})
        embed.main(data.name)
        train.main(data.name)
        encode.main(data.name)
    return folder


def read_project(folder: Path) -> Trained:
    """Read what the encode stage has left in a project."""
    codes = folder / "artifacts" / "codes"
    plan = read_plan("evaluate", EvaluatePlan, folder / "plan")
    kept = read_bit_index(codes)
    if kept is None:
        raise SystemExit(f"{codes}: the codes of {plan.method} are not cut; this is for SCAHN")
    query, retrieval = read_code_set(codes / "query_long.npz"), read_code_set(codes / "retrieval_long.npz")
    val, train_items = validation_sets(retrieval, folder / "data" / plan.dataset)
    return Trained(query, retrieval, val, train_items, kept.significances, plan.seed)


def print_tables(trained: list[Trained], own: dict[int, list[dict[str, float]]]) -> None:
    """Print mAP by length and direction, mean of the trainings, and the pooled differences from chance."""
    names = [*trained[0].significances, "chosen"]
    differences: dict[str, list[NDArray[np.float64]]] = {name: [] for name in names}
    print(f"mAP, mean of {len(trained)} training(s)\n")
    print("| bits | task | " + " | ".join(names) + " | random (deviation) | trained at that length |")
    print("|--:|---|" + "--:|" * (len(names) + 2))
    for bits in LENGTHS:
        cuts = [cuts_of(one, bits) for one in trained]
        lots = [random_subsets(one.query.bits, bits, one.seed) for one in trained]
        for task in DIRECTIONS:
            means: dict[str, list[float]] = {name: [] for name in names}
            chance = []
            for one, indexes, lot in zip(trained, cuts, lots, strict=True):
                drawn = np.array([precisions(one.query, one.retrieval, task, index) for index in lot])
                chance.append(drawn.mean(axis=1))
                for name, index in indexes.items():
                    found = precisions(one.query, one.retrieval, task, index)
                    means[name].append(float(found.mean()))
                    differences[name].append(found - drawn.mean(axis=0))
            figures = " | ".join(f"{np.mean(means[name]):.4f}" for name in names)
            luck = f"{np.mean(chance):.4f} ({np.std(chance, axis=1, ddof=1).mean():.4f})"
            alone = f"{np.mean([score[task] for score in own[bits]]):.4f}" if own[bits] else ""
            print(f"| {bits} | {task} | {figures} | {luck} | {alone} |", flush=True)
    print("\nless the random subsets, pooled over lengths, directions and trainings, 95 % over queries\n")
    print("| " + " | ".join(names) + " |\n|" + "--:|" * len(names))
    print("| " + " | ".join(pooled(differences[name]) for name in names) + " |")


def cuts_of(one: Trained, bits: int) -> dict[str, Index]:
    """Cut by each measure, and by the one that encode would choose on the validation queries."""
    indexes = {name: most_significant(values, bits) for name, values in one.significances.items()}
    scores = {
        name: sum(mean_ap(one.val, one.train, task, index) for task in DIRECTIONS)
        for name, index in indexes.items()
    }
    return {**indexes, "chosen": indexes[max(scores, key=scores.__getitem__)]}


def mean_ap(query: CodeSet, retrieval: CodeSet, task: str, index: Index) -> float:
    """Give the mAP of the bits of the index."""
    return float(precisions(query, retrieval, task, index).mean())


def precisions(query: CodeSet, retrieval: CodeSet, task: str, index: Index) -> NDArray[np.float64]:
    """Score the queries that have a relevant item by the bits of the index: AP over the whole set."""
    sides = []
    for codes, modality in zip((query, retrieval), TASKS[task], strict=True):
        rows = codes.has_labels & codes.has(modality)
        cut_codes = cut(codes.packed(modality)[rows], codes.bits, index)
        sides.append(Side.of(cut_codes, codes.labels[rows]))
    asking, answering = sides
    scores = score_task(
        asking, answering, (AP(),), np.arange(0), ties="expected", undefined="skip", names=query.ids.tolist()
    )
    return scores.values[str(AP())]


def pooled(differences: list[NDArray[np.float64]]) -> str:
    """Write the mean of a paired difference and its interval; a query counts once, with its mean."""
    by_query = np.mean(differences, axis=0)
    low, high = intervals(by_query[:, None], 2000, stream(0, "benchmark", "significance"))[:, 0]
    return f"{by_query.mean():+.4f} ({low:+.4f} to {high:+.4f})"


if __name__ == "__main__":
    main()
