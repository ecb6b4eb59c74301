"""All runs of a project that can stand in one table, and of the others, why not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosshash.errors import CrosshashError
from crosshash.experiments.conditions import conditions_of, ran_on, split_of
from crosshash.experiments.files import PARAMS
from crosshash.experiments.revisions import Listed, Revision, list_experiments
from crosshash.experiments.runs import Run, read_run
from crosshash.experiments.settings import row_settings
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL

REASONS = {
    "failed": "failed; `dvc queue logs {name}` says why",
    "queued": "waits in the queue; `dvc queue start` runs it",
    "running": "is running",
}


@dataclass(frozen=True)
class LeftOut:
    """An experiment that is not in the table, and why."""

    name: str
    reason: str


def collect_runs(project: Path) -> tuple[list[Run], list[LeftOut]]:
    """Read all experiments, the workspace, and the commits they began from; the newest first.

    Raises:
        CrosshashError: the folder is no project of git and DVC.
    """
    runs: list[Run] = []
    left: list[LeftOut] = []
    for one in list_experiments(project):
        found = _read(project, one)
        if isinstance(found, Run):
            runs.append(found)
        elif found is not None:
            left.append(found)
    kept, older = _newest(runs)
    return kept, left + older


def _read(project: Path, one: Listed) -> Run | LeftOut | None:
    if one.state != "finished":
        return LeftOut(one.name, REASONS.get(one.state, one.state).format(name=one.name))
    try:
        run = read_run(one.name, Revision.of(project, one.revision))
    except CrosshashError as error:
        return LeftOut(one.name, str(error).removeprefix(f"{one.name}: "))
    if run.unfinished:
        return LeftOut(one.name, f"not finished: {run.unfinished}")
    if not any(task in run.metrics for task in CROSS_MODAL):
        return LeftOut(one.name, "has no scores between image and text: no item has a text")
    if not run.settings:
        return LeftOut(one.name, f"has no {PARAMS}, so nothing says which settings it had")
    return run


def _newest(runs: Iterable[Run]) -> tuple[list[Run], list[LeftOut]]:
    """Keep the newest of runs with equal settings, seed included; the same run twice is not told."""
    kept: dict[str, Run] = {}
    left: list[LeftOut] = []
    for run in runs:
        first = kept.setdefault(_identity(run), run)
        if first.metrics != run.metrics:
            place = "" if ran_on(first) == ran_on(run) else f" (it ran on {ran_on(first)}, not {ran_on(run)})"
            reason = f"{first.name} has the same settings, other scores{place}, and is newer"
            left.append(LeftOut(run.name, reason))
    return list(kept.values()), left


def _identity(run: Run) -> str:
    parts: list[dict[str, Any]] = [
        row_settings(run.settings, run.method, run.dataset),
        conditions_of(run),
        split_of(run),
    ]
    return repr([run.method, run.bits, run.seed, *(sorted(part.items()) for part in parts)])
