"""The commands of docs/prefect.md, as a user types them: server, pool, deployment, worker, run."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from crosshash.acquire.server_answers import LATER
from tests.experiments.repository import scored_project
from tests.flows.repositories import copy_of_checkout, git, state, toy

PREFECT = (sys.executable, "-m", "prefect")
SMALL = ["train.epochs=1", "train.batch=16", "model.hidden=32", "scahn.train_bits=64"]
SMALL += ["evaluate.bootstrap=50", "report.queries=1"]
UNUSED = ("SCHEDULER", "LATE_RUNS", "PAUSE_EXPIRATIONS", "FOREMAN", "TRIGGERS")
"""What the server does besides: for schedules, automations and its pages."""
LIMIT = 240
"""Seconds after which a command counts as hung."""

TOY_FLOW = """
import sys
from pathlib import Path
from prefect import flow
from crosshash.errors import CrosshashError
from flows.dvc_tasks import run_stages

@flow
def toy(project: Path):
    try:
        run_stages(project, {"WORD": "given"}, waits=(0.1, 0.1))
    except CrosshashError as error:
        print(str(error).partition(":")[0])

for project in sys.argv[1:]:
    print(Path(project).name)
    toy(project)
"""

TOY_BENCHMARK = """
from flows.benchmark import benchmark
from flows.train_twdh import train_twdh
runs = benchmark(
    methods=["twdh", "dcmht", "none"], bits=[16], seeds=[0, 1], at_once=2, return_state=True
)
print(runs.message)
train_twdh(bits=32, seed=5)
"""

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Deployed:
    """A copy of the project with the deployment in a server of its own, and a worker."""

    checkout: Path
    environment: dict[str, str]

    def prefect(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Prefect in the copy."""
        return subprocess.run(
            [*PREFECT, *arguments],
            cwd=self.checkout,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def ask(self, path: str, question: dict[str, Any]) -> list[dict[str, Any]]:
        """Ask the server, as its own pages do."""
        request = urllib.request.Request(  # noqa: S310 - the server of this test
            f"{self.environment['PREFECT_API_URL']}/{path}",
            json.dumps(question).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return list(json.load(answer))

    def run(self, flow: str, *parameters: str) -> tuple[int, dict[str, Any], str]:
        """Run a deployment as the README says: exit status, the flow run, its log."""
        given = [part for parameter in parameters for part in ("--param", parameter)]
        done = self.prefect("deployment", "run", f"{flow}/local", *given, "--watch")
        alone = {"flow_runs": {"parent_task_run_id": {"is_null_": True}}}
        run = self.ask("flow_runs/filter", {**alone, "sort": "START_TIME_DESC", "limit": 1})[0]
        asked = {"logs": {"flow_run_id": {"any_": [run["id"]]}}, "sort": "TIMESTAMP_ASC"}
        pages = [self.ask("logs/filter", {**asked, "offset": offset}) for offset in (0, 200)]
        log = "\n".join(line["message"] for page in pages for line in page)
        return done.returncode, run, log


@contextmanager
def process(name: str, command: list[str], cwd: Path, environment: dict[str, str]) -> Iterator[None]:
    """Keep a command running; at the end it is ended, with all that it started."""
    with (cwd.parent / f"{name}.log").open("wb") as log:
        started = psutil.Popen(
            command, cwd=cwd, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            family = [started, *started.children(recursive=True)] if started.is_running() else []
            started.terminate()
            _, alive = psutil.wait_procs(family, timeout=20)
            for one in alive:
                one.kill()
            psutil.wait_procs(alive, timeout=20)


def wait_for(url: str, seconds: float) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)
        else:
            return


def wait_until(there: Callable[[], bool]) -> None:
    """Wait for something to come about."""
    deadline = time.monotonic() + LIMIT
    while not there():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.3)


def own_environment(folder: Path, port: int) -> dict[str, str]:
    """An environment in which nothing of the user is found: no Prefect or DVC settings, no venv on PATH."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PREFECT_", "DVC_", "CROSSHASH_"))
    }
    tools = [str(Path(found).parent) for name in ("git", "sh") if (found := shutil.which(name))]
    return {
        **kept,
        "PATH": os.pathsep.join(dict.fromkeys(tools)),
        "HOME": str(folder),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_UI_ENABLED": "false",
        **{f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in UNUSED},
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1",  # threads that wait for work are slow beside other tests
        "CROSSHASH_RAW": str(folder / "raw"),
        "CROSSHASH_STATE": str(folder / "state"),
    }


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("prefect")
    checkout = copy_of_checkout(folder / "checkout")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = own_environment(folder, port)
    deployed = Deployed(checkout, environment)
    server = [*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with process("server", server, checkout, environment):
        wait_for(f"{environment['PREFECT_API_URL']}/health", LIMIT)
        for command in (("work-pool", "create", "crosshash", "--type", "process"), ("deploy", "--all")):
            done = deployed.prefect("--no-prompt", *command)
            assert done.returncode == 0, done.stdout + done.stderr
        worker = [*PREFECT, "worker", "start", "--pool", "crosshash"]
        with process("worker", worker, checkout, environment):
            yield deployed


def test_a_run_completes_is_saved_and_leaves_the_checkout_alone(deployed: Deployed) -> None:
    checkout = deployed.checkout
    params = checkout / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("top: 10 ", "top: 3 "), encoding="utf-8")
    before = state(checkout)
    status, run, log = deployed.run(
        "train", "method=scahn", "dataset=features", "bits=16", f"overrides={json.dumps(SMALL)}"
    )
    assert (status, run["state_type"]) == (0, "COMPLETED"), log
    assert state(checkout) == before

    assert "python -m stages.train features" in log
    name = f"{run['name']}-{run['id'][-8:]}"
    assert f"Saved as DVC experiment {name}" in log
    assert name in git(checkout, "for-each-ref", "refs/exps")
    shown = subprocess.run(
        [sys.executable, "-m", "dvc", "exp", "show", "--csv"],
        cwd=checkout,
        env=deployed.environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    ).stdout
    assert name in shown
    ref = git(checkout, "for-each-ref", "--format=%(refname)", "refs/exps")
    used = yaml.safe_load(git(checkout, "show", f"{ref}:params.yaml"))
    assert (used["bits"], used["train"]["epochs"]) == (16, 1)
    assert used["report"]["top"] == 3  # the user's uncommitted edit
    metrics = json.loads(git(checkout, "show", f"{ref}:metrics.json"))
    assert (metrics["bits"], metrics["train_bits"], metrics["method"]) == (16, 64, "scahn")

    made = {one["key"]: one for one in deployed.ask("artifacts/filter", {})}
    assert made.keys() == {"train", "train-scores"}
    assert {one["flow_run_id"] for one in made.values()} == {run["id"]}
    assert name in made["train"]["data"]
    assert f"| i2t | {metrics['i2t']['mAP']:.4f} |" in made["train"]["data"]
    (first, _, _, _) = json.loads(made["train-scores"]["data"])
    assert (first["task"], first["mAP"]) == ("i2t", f"{metrics['i2t']['mAP']:.4f}")
    tasks = deployed.ask("task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    graph = [
        "plan",
        "download",
        "convert",
        "embed",
        "centers",
        "transform",
        "train",
        "infer",
        "encode",
        "evaluate",
        "index",
        "report",
    ]
    assert {task["name"]: task["state_type"] for task in tasks} == dict.fromkeys(graph, "COMPLETED")
    assert {task["name"] for task in tasks if "gpu" in task["tags"]} == {"embed", "train", "infer"}
    assert list((checkout / ".dvc/tmp/flows").iterdir()) == []


def test_a_bad_override_fails_with_the_plans_message(deployed: Deployed) -> None:
    before = state(deployed.checkout)
    kept = git(deployed.checkout, "for-each-ref", "refs/exps")
    status, run, log = deployed.run("train", 'overrides=["twdh.quan_wait=0.1","bits=0"]')
    assert (status, run["state_type"]) == (1, "FAILED")
    for text in (log, run["state"]["message"]):
        assert "twdh.quan_wait: unknown key; did you mean twdh.quan_weight?" in text
        assert "bits" in text
    assert state(deployed.checkout) == before
    assert git(deployed.checkout, "for-each-ref", "refs/exps") == kept
    assert list((deployed.checkout / ".dvc/tmp/flows").iterdir()) == []


def test_a_parameter_of_the_wrong_type_is_refused_before_a_run(deployed: Deployed) -> None:
    done = deployed.prefect("deployment", "run", "train-twdh/local", "--param", "bits=abc")
    assert done.returncode == 1
    assert "bits" in done.stdout + done.stderr


def test_a_failed_stage_stops_those_that_need_it_and_no_other(deployed: Deployed, tmp_path: Path) -> None:
    project = toy(tmp_path / "toy", right="exit 3")
    done = subprocess.run(
        [sys.executable, "-c", TOY_FLOW, str(project)],
        cwd=deployed.checkout,
        env=deployed.environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.stdout == "toy\nstage right failed (status 255)\n", done.stdout + done.stderr
    assert {path.name for path in project.glob("*.txt")} == {"plan.txt", "left.txt"}
    assert "left:" in (project / "dvc.lock").read_text(encoding="utf-8")


def test_a_download_that_fails_twice_is_tried_again_and_no_other_failure_is(
    deployed: Deployed, tmp_path: Path
) -> None:
    """The first two tries end as a transfer does that broke off; the third one works, with WORD at hand."""
    tries = 'echo >> tries; test $(wc -l < tries) -gt 2 || {{ echo "{said}" >&2; exit 1; }}; '
    tries += "echo $WORD > right.txt"
    projects = [
        toy(tmp_path / name, right=tries.format(said=said))
        for name, said in (("cut", f"cut, 4 times; {LATER}"), ("damaged", "damaged"))
    ]
    for project in projects:
        graph = (project / "dvc.yaml").read_text(encoding="utf-8").replace("  right:", "  download:")
        (project / "dvc.yaml").write_text(graph, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", TOY_FLOW, *projects],
        cwd=deployed.checkout, env=deployed.environment, capture_output=True, text=True,
        timeout=LIMIT, check=False,
    )  # fmt: skip
    told = done.stdout.splitlines()
    assert told[:2] == ["cut", "damaged"], done.stdout + done.stderr
    assert told[2].startswith("stage download"), done.stdout + done.stderr
    assert [len((one / "tries").read_text(encoding="utf-8")) for one in projects] == [3, 1]
    assert (projects[0] / "right.txt").read_text(encoding="utf-8") == "given\n"


def test_a_benchmark_runs_all_and_shows_them_in_one_table(deployed: Deployed, tmp_path: Path) -> None:
    """Two methods with two seeds, two at once, where stages are quick; a third method does not run."""
    project = scored_project(tmp_path / "project")
    shutil.copytree(
        deployed.checkout / "flows", project / "flows", ignore=shutil.ignore_patterns("__pycache__")
    )
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "flows")
    done = subprocess.run(
        [sys.executable, "-c", TOY_BENCHMARK],
        cwd=project, env=deployed.environment, capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert "2 of 6 runs failed:" in done.stdout, done.stdout + done.stderr
    assert "none, 16 bits, seed 1: stage evaluate failed" in done.stdout
    refs = git(project, "for-each-ref", "--format=%(refname)", "refs/exps").splitlines()
    ran = [yaml.safe_load(git(project, "show", f"{one}:params.yaml")) for one in refs]
    assert sorted((one["method"], one["seed"]) for one in ran) == [
        ("dcmht", 0), ("dcmht", 1), ("twdh", 0), ("twdh", 1), ("twdh", 5)
    ]  # fmt: skip
    (page,) = [one["data"] for one in deployed.ask("artifacts/filter", {}) if one["key"] == "benchmark"]
    lines = [line for line in page.splitlines() if line.startswith(("| TwDH", "| DCMHT"))]
    assert len(lines) >= 2, page
    assert list((project / ".dvc/tmp/flows").iterdir()) == []


def test_a_cancelled_run_leaves_nothing_behind(deployed: Deployed) -> None:
    before, kept = state(deployed.checkout), git(deployed.checkout, "for-each-ref", "refs/exps")
    done = deployed.prefect(
        "deployment", "run", "train/local", "--param", "method=scahn", "--param", "bits=16"
    )
    assert done.returncode == 0, done.stderr
    (run,) = deployed.ask("flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 1})

    def at_work() -> list[psutil.Process]:
        tree = str(deployed.checkout / ".dvc/tmp/flows")
        return [one for one in psutil.process_iter(["cwd"]) if (one.info["cwd"] or "").startswith(tree)]

    wait_until(lambda: any("stages." in " ".join(one.cmdline()) for one in at_work()))
    assert deployed.prefect("flow-run", "cancel", run["id"]).returncode == 0
    wait_until(lambda: not at_work())
    wait_until(
        lambda: (
            deployed.ask("flow_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})[0]["state_type"]
            == "CANCELLED"
        )
    )
    assert state(deployed.checkout) == before
    assert git(deployed.checkout, "for-each-ref", "refs/exps") == kept


def test_new_pictures_of_a_folder_come_into_the_collection(deployed: Deployed) -> None:
    """Without a model in the checkout the run says what to do."""
    status, run, log = deployed.run("encode-new", "folder=examples/custom")
    assert (status, run["state_type"]) == (1, "FAILED")
    assert "dvc repro" in run["state"]["message"], log


def test_each_deployment_runs_once_at_a_time(deployed: Deployed) -> None:
    deployments = deployed.ask("deployments/filter", {})
    takes = {}
    for one in deployments:
        assert (one["name"], one["global_concurrency_limit"]["limit"]) == ("local", 1)
        (step,) = one["pull_steps"]
        assert step["prefect.deployments.steps.set_working_directory"]["directory"] == str(deployed.checkout)
        takes[one["entrypoint"]] = set(one["parameter_openapi_schema"]["properties"])
    run = {"bits", "dataset", "seed", "overrides"}
    assert takes == {
        "flows/train_twdh.py:train_twdh": run,
        "flows/train.py:train": {"method", *run},
        "flows/benchmark.py:benchmark": {
            "methods", "bits", "seeds", "dataset", "overrides", "gpus", "at_once"
        },
        "flows/encode_new.py:encode_new": {"folder", "skip_bad"},
    }  # fmt: skip
