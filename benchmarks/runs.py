"""A run of the pipeline's stages in a folder of its own, without DVC: for tables over many trainings."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import resource
import runpy
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from crosshash.artifacts import read_json
from crosshash.config.params import load_params
from crosshash.config.presets import read_preset, write_preset

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ("configs", "examples")
PREPARING = ("plan", "download", "convert")
SCORING = ("plan", "embed", "centers", "transform", "train", "infer", "encode", "evaluate")
LEFT = ("artifacts", "dvclive", "plots")


@dataclass(frozen=True)
class Run:
    """What a training and its scoring gave.

    metrics: metrics.json; curves: losses and validation scores of the kept epoch; seconds: of training,
    validation included; megabytes: the most that the process held, libraries and scoring included.
    """

    metrics: dict[str, Any]
    curves: dict[str, float]
    seconds: float
    pairs_per_second: int
    megabytes: float


def convert(project: Path, settings: Sequence[str]) -> int:
    """Make a project and convert its data set; gives the number of training items.

    settings: `key=value` on top of params.yaml; paths absolute, or below `examples`.
    """
    for name in BESIDE:
        shutil.copytree(ROOT / name, project / name)
    _alone(_stages, project, PREPARING, (), settings)
    counts = json.loads((project / "data" / _dataset(project) / "info.json").read_text())["counts"]
    return int(counts["train"])


def train_and_score(project: Path, presets: Sequence[str], settings: Sequence[str]) -> Run:
    """Train by params.yaml, then the presets, then the settings, and score; in a process of its own."""
    for folder in LEFT:
        shutil.rmtree(project / folder, ignore_errors=True)
    megabytes = _alone(_stages, project, SCORING, presets, settings)
    metrics, timings = (json.loads((project / name).read_text()) for name in ("metrics.json", "timings.json"))
    training = timings["train"]
    return Run(metrics, _kept_epoch(project), training["seconds"], training["pairs_per_second"], megabytes)


def run_stages(project: Path, stages: Sequence[str], settings: Sequence[str]) -> None:
    """Run stages by params.yaml and the settings, on what earlier ones left; in a process of its own."""
    _alone(_stages, project, stages, (), settings)


def _kept_epoch(project: Path) -> dict[str, float]:
    epoch = read_json(project / "artifacts/model/model.json")["best_epoch"]
    curves = (
        pd.read_csv(path, sep="\t", index_col="step")
        for path in (project / "dvclive/plots/metrics").iterdir()
    )
    return {str(curve.columns[0]): float(curve.iloc[:, 0][epoch]) for curve in curves}


def _alone(work: Any, *arguments: Any) -> Any:  # noqa: ANN401 - whatever the work takes and gives
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _stages(project: Path, stages: Sequence[str], presets: Sequence[str], settings: Sequence[str]) -> float:
    """Run stages in a project as DVC would; gives the peak memory of this process, MB."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    shutil.copy(ROOT / "params.yaml", project)
    for name in presets:
        write_preset(project, read_preset(ROOT, name))
    from dvc.utils.hydra import apply_overrides

    apply_overrides(project / "params.yaml", list(settings))
    os.environ |= {"CROSSHASH_RAW": str(project / "raw"), "CROSSHASH_STATE": str(project / "state")}
    os.chdir(project)
    for stage in stages:
        sys.argv = [stage, _dataset(project)]
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            runpy.run_module(f"stages.{stage}", run_name="__main__")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _dataset(project: Path) -> str:
    return load_params(project / "params.yaml").dataset
