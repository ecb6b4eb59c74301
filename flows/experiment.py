"""One run: the whole pipeline in a worktree of its own, saved as a DVC experiment and shown in Prefect."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Failed

from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError, listed
from crosshash.experiments.table.scores import score_page, score_rows
from flows.dvc_tasks import run_stages
from flows.settings import absolute_paths, apply_settings
from flows.worktree import save_experiment, untracked, worktree

CHECKOUT = Path(__file__).resolve().parent.parent


def watched(
    key: str, settings: Mapping[str, object], overrides: Sequence[str], **environment: str
) -> str | State[str]:
    """Run the pipeline for the flow that calls, with its scores as artifacts `key` and `key`-scores.

    environment: further variables for the stages.

    Returns the name of the DVC experiment, or a failed state with the error.
    """
    name = experiment_name(str(flow_run.name), str(flow_run.id))
    try:
        metrics = run_experiment(name, settings, overrides, environment)
    except CrosshashError as error:
        get_run_logger().error("%s", error)
        return Failed(message=str(error))
    create_markdown_artifact(
        score_page(f"Experiment `{name}`", metrics, applied(name)), key=key, description=f"Scores of {name}"
    )
    create_table_artifact(score_rows(metrics), key=f"{key}-scores", description=f"Scores of {name}")
    return name


def run_experiment(
    name: str,
    settings: Mapping[str, object],
    overrides: Sequence[str],
    environment: Mapping[str, str],
) -> dict[str, Any]:
    """Run the graph in a worktree of its own and save it as experiment `name`; give its metrics.json."""
    log = get_run_logger()
    if left_out := untracked(CHECKOUT):
        log.warning("Not part of this run, since git does not track them (git add):\n%s", listed(left_out))
    with worktree(CHECKOUT, name) as tree:
        params = tree / "params.yaml"
        apply_settings(params, settings, overrides)
        for key, path in absolute_paths(params, CHECKOUT).items():
            log.info("%s: %s (made absolute: the run works in a folder of its own)", key, path)
        run_stages(tree, environment)
        save_experiment(tree, name)
        log.info("Saved as DVC experiment %s; to bring it into the checkout: dvc exp apply %s", name, name)
        return dict(read_json(tree / "metrics.json"))


def experiment_name(run: str, identity: str) -> str:
    """Make a name that git takes from the run's name and the end of its id: `fluffy-otter-0f3a9c21`."""
    word = re.sub(r"[^A-Za-z0-9]+", "-", run).strip("-") or "run"
    return f"{word}-{identity[-8:]}"


def applied(name: str) -> str:
    """Say how the files of an experiment come into the checkout."""
    return f"`dvc exp apply {name}` brings its files into the checkout, the report among them."
