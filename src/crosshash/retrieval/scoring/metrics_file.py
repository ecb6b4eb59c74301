"""metrics.json as it is read again: checked first, since it lies in git, where merges and hands get at it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, FiniteFloat, NonNegativeInt, PositiveInt, ValidationError

from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError, listed
from crosshash.retrieval.codefiles.codeset import TASKS

Scores = dict[str, FiniteFloat]
MAP = ("mAP", "mAP_low", "mAP_high")


class Metrics(BaseModel):
    """What every version has written; more may stand beside it."""

    model_config = ConfigDict(extra="allow", strict=True)

    method: str = ""
    dataset: str = ""
    bits: PositiveInt
    n_undefined: NonNegativeInt
    n_unlabelled: NonNegativeInt
    n_captionless: NonNegativeInt
    base_rate: FiniteFloat | None
    warning: str | None = None
    i2t: Scores = {}
    t2i: Scores = {}
    i2i: Scores = {}
    t2t: Scores = {}


def read_metrics(path: Path) -> dict[str, Any]:
    """Read metrics.json.

    Raises:
        CrosshashError: it is missing, no JSON, or lacks figures; all that is wrong is named.
    """
    metrics = read_json(path)
    try:
        Metrics.model_validate(metrics)
        problems = _unlike_tasks(metrics)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc'])) or 'all'}: {one['msg']}" for one in error.errors()]
    if problems:
        raise CrosshashError(
            f"{path}: does not hold the scores of a run; `dvc repro evaluate` writes it anew:\n"
            f"{listed(problems)}"
        )
    return dict(metrics)


def warning_of(path: Path, method: str, dataset: str, bits: int) -> str | None:
    """Give the warning beside the scores of a model; None where there is none, or no scores of this model."""
    return _of_model(path, method, dataset, bits).get("warning")


def scores_of(path: Path, method: str, dataset: str, bits: int) -> dict[str, dict[str, float]]:
    """Give `mAP`, `mAP_low` and `mAP_high` by task; nothing where no scores of this model are."""
    metrics = _of_model(path, method, dataset, bits)
    found = {task: {key: metrics[task].get(key) for key in MAP} for task in TASKS if task in metrics}
    return {task: one for task, one in found.items() if None not in one.values()}


def _of_model(path: Path, method: str, dataset: str, bits: int) -> dict[str, Any]:
    """Read metrics.json; empty where it is not of this model, or cannot be read."""
    try:
        metrics = read_metrics(path)
    except CrosshashError:
        return {}
    known = [metrics.get(key) for key in ("method", "dataset", "bits")]
    return metrics if known == [method, dataset, bits] else {}


def _unlike_tasks(metrics: dict[str, Any]) -> list[str]:
    """Name tasks that lack measures of the first, or have others; a run that scores nothing has none."""
    tasks = [task for task in TASKS if task in metrics]
    if not tasks and metrics.get("warning"):
        return []
    if not tasks or not metrics[tasks[0]]:
        return [f"{tasks[0] if tasks else 'i2t'}: no measure"]
    first = set(metrics[tasks[0]])
    return [
        f"{task}: has not the measures of {tasks[0]} ({', '.join(sorted(first ^ set(metrics[task])))})"
        for task in tasks
        if set(metrics[task]) != first
    ]
