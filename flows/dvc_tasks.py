"""DVC's graph as Prefect tasks: one per stage, each after those it depends on. DVC is the only cache."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture, wait
from prefect.states import Failed

from crosshash.acquire.server_answers import LATER
from crosshash.errors import CrosshashError
from crosshash.experiments.stored import check_stored

TIED = (sys.executable, str(Path(__file__).with_name("tied_process.py")))
"""Starts a module that ends with the flow; its name and arguments follow."""

DVC = (*TIED, "dvc", "--wait-for-lock")
SHOWN = 30
"""Lines of a failed stage's output that its error repeats."""

WAITS = (30.0, 120.0, 600.0)
"""Seconds before a download that broke off is tried again; it goes on where it was."""

GPU = ("embed", "train", "infer")
"""Stages that use a GPU where there is one; their tasks have the tag `gpu`, which Prefect can limit."""

RUNNING: dict[subprocess.Popen[str], Path] = {}
"""Stages at work in this process, with their worktree."""


def run_stages(tree: Path, variables: Mapping[str, str], waits: Sequence[float] = WAITS) -> None:
    """Bring every stage of `tree`'s graph up to date; independent ones run side by side.

    variables: of the environment, besides those there are. waits: seconds before each new try of a download.

    Raises:
        CrosshashError: stages failed; those that need them did not run, the others' results are in the cache.
    """
    futures: dict[str, PrefectFuture[Any]] = {}
    try:
        for stage, needed in stages_of(tree).items():
            one = dvc_stage.with_options(
                name=stage, task_run_name=stage, tags=["gpu"] if stage in GPU else []
            )
            if stage == "download":
                one = one.with_options(
                    retries=len(waits), retry_delay_seconds=list(waits), retry_condition_fn=may_come_later
                )
            before = [futures[name] for name in needed]
            futures[stage] = one.submit(
                str(tree), stage, dict(variables), wait_for=before, return_state=False
            )
        wait(list(futures.values()))
    finally:
        end_stages(tree)
    states = [future.state for future in futures.values()]
    if not all(state.is_completed() for state in states):
        ended = [state for state in states if state.is_final() and not state.is_completed()]
        raise CrosshashError("\n".join(str(state.message) for state in ended))


def stages_of(tree: Path) -> dict[str, list[str]]:
    """Give each stage of dvc.yaml with the stages it depends on, in an order that can be run.

    Raises:
        CrosshashError: DVC cannot read the graph, for example since a setting that dvc.yaml uses is missing.
    """
    try:
        with Repo(str(tree)) as repo:
            graph = repo.index.graph
            edges = {stage: graph.successors(stage) for stage in graph if not stage.is_data_source}
            needed = {
                stage.name: sorted(one.name for one in on if one in edges) for stage, on in edges.items()
            }
    except DvcException as error:
        raise CrosshashError(f"dvc.yaml cannot be read with these settings: {error}") from error
    return {stage: needed[stage] for stage in TopologicalSorter(needed).static_order()}


@task(persist_result=False, cache_policy=NO_CACHE)
def dvc_stage(tree: str, stage: str, variables: dict[str, str]) -> State[None] | None:
    """Run one stage of the graph; its output goes to the log, its error into the state."""
    try:
        reproduce(Path(tree), stage, variables, get_run_logger().info)
    except CrosshashError as error:
        return Failed(message=str(error))
    return None


def may_come_later(_task: object, _run: TaskRun, state: State[Any]) -> bool:
    """Say whether a failed download is worth another try: a server was at fault, not a setting."""
    return LATER in str(state.message)


def reproduce(tree: Path, stage: str, variables: Mapping[str, str], log: Callable[[str], object]) -> None:
    """Run one stage by DVC, if anything it depends on has changed; its output goes to `log` line by line.

    Raises:
        CrosshashError: the stage failed, the text ends with the last lines of its output; or the cache has no
            room for what it made.
    """
    command = [*DVC, "repro", "--single-item", stage]
    last: deque[str] = deque(maxlen=SHOWN)
    with subprocess.Popen(
        command,
        cwd=tree,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
    ) as process:
        RUNNING[process] = tree
        try:
            for line in process.stdout or ():
                if text := line.rstrip():
                    log(text)
                    last.append(text)
        finally:
            del RUNNING[process]
    if process.returncode:
        raise CrosshashError("\n".join([f"stage {stage} failed (status {process.returncode}):", *last]))
    check_stored(tree, stage)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Give a stage's environment: this Python first on PATH, output unbuffered."""
    here = Path(sys.executable).parent
    ours = {**os.environ, **variables}
    return {**ours, "PATH": f"{here}{os.pathsep}{ours.get('PATH', '')}", "PYTHONUNBUFFERED": "1"}


def end_stages(tree: Path) -> None:
    """End the stages that still work in `tree`, with all they started: none is left after a cancelled run."""
    for process in [process for process, where in list(RUNNING.items()) if where == tree]:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
