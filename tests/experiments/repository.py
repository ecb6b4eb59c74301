"""A repository of git and DVC whose two quick stages leave what a run of the real pipeline leaves."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dvc.repo import Repo

AUTHOR = ("-c", "user.name=tester", "-c", "user.email=tester@localhost")
STAGES = f"""
stages:
  plan:
    cmd: mkdir -p plan && cp params.yaml plan/evaluate.yaml
    params: [params.yaml: ]
    outs: [plan]
  evaluate:
    cmd: {sys.executable} score.py
    deps: [plan/evaluate.yaml, score.py]
    outs: [artifacts/per_query.parquet]
    metrics: [metrics.json: {{cache: false}}]
"""
PARAMS = """\
dataset: scenes
method: twdh
bits: 32
seed: 0
threads: 1
scenes:
  count: 50
split:
  seed: 0
train:
  epochs: 8
evaluate:
  ties: expected
hq:
  alpha: 0.4
"""
SCORE = """\
import json, pathlib, random
import pyarrow, pyarrow.parquet, yaml
plan = yaml.safe_load(open("plan/evaluate.yaml"))
if plan["train"]["epochs"] < 1:
    raise SystemExit("no epochs")
facts = [plan[key] for key in ("method", "seed", "bits", "threads")]
draw = random.Random(str([*facts, plan["train"]["epochs"]]))
rows = [(task, f"q{one}") for task in ("i2t", "t2i") for one in range(40)]
level = {"twdh": 0.7, "dcmht": 0.4}[plan["method"]]
ap = [round(level + draw.uniform(-0.1, 0.1), 6) for _ in rows]
table = {"task": [task for task, _ in rows], "id": [one for _, one in rows], "AP": ap, "P@10": ap}
pathlib.Path("artifacts").mkdir(exist_ok=True)
pyarrow.parquet.write_table(pyarrow.table(table), "artifacts/per_query.parquet")
metrics = {key: plan[key] for key in ("method", "dataset", "bits")}
metrics |= {"n_query": 40, "n_retrieval": 400, "n_undefined": 0, "base_rate": 0.2}
metrics["threads"] = plan["threads"]
metrics["ties"] = plan["evaluate"]["ties"]
for task, first in (("i2t", 0), ("t2i", 40)):
    metrics[task] = {"mAP": round(sum(ap[first : first + 40]) / 40, 6), "mAP_low": 0.1, "mAP_high": 0.9}
json.dump(metrics, open("metrics.json", "w"))
"""


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *AUTHOR, *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def scored_project(folder: Path) -> Path:
    """A repository whose first run (twdh, 32 bits, seed 0) is committed as branch main."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    Repo.init(str(folder)).close()
    for name, text in (
        ("dvc.yaml", STAGES),
        ("params.yaml", PARAMS),
        ("score.py", SCORE),
        (".gitignore", "/plan\n/artifacts\n"),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    with contextlib.chdir(folder), Repo() as repo:  # stages without a folder are those of the present one
        repo.reproduce()
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "first run")
    return folder


def experiment(folder: Path, name: str, *changes: str, queue: bool = False) -> None:
    """Run an experiment in the workspace, or put it into the queue."""
    with contextlib.chdir(folder), Repo() as repo:  # stages without a folder are those of the present one
        repo.experiments.run(name=name, params=changes, queue=queue)


def until(true: Callable[[], bool]) -> None:
    """Wait at most a minute."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "DVC's queue does not get on"
        time.sleep(0.1)


def make_experiments(folder: Path) -> Path:
    """The first run, `second` with another seed, `rival` of another method, `broken` and `waiting`.

    Two branches: main, and `earlier` at the same commit. The workspace is as `rival` left it.
    """
    project = scored_project(folder)
    git(project, "branch", "earlier")
    experiment(project, "broken", "train.epochs=0", queue=True)
    with contextlib.chdir(project), Repo() as repo:
        queue = repo.experiments.celery_queue
        queue.start_workers(1)
        experiment(project, "second", "seed=1")
        experiment(project, "rival", "method=dcmht", "seed=0")
        until(lambda: [one["status"] for one in queue.status()] == ["Failed"])
        queue.shutdown()
        until(lambda: not queue.worker_status())
    experiment(project, "waiting", "bits=16", queue=True)
    return project
