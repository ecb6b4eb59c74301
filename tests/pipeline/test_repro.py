"""The pipeline as users run it: real DVC, a copy of the project, the small example vectors."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml

from tests.projects import commit, copy_project, environment, override, run

SMALL = (
    "dataset=features",
    "bits=16",
    "train.batch=16",
    "train.epochs=4",
    "model.hidden=32",
    "evaluate.bootstrap=20",
)
SMALL_CODES = ("twdh.train_bits=64", "report.queries=2")

pytestmark = pytest.mark.xdist_group("pipeline")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pipeline")


@pytest.fixture(scope="module")
def project(folder: Path) -> Path:
    """A project in which the pipeline has run once and was committed."""
    project = copy_project(folder / "project")
    override(project, *SMALL, *SMALL_CODES)
    done = run(project, ["dvc", "repro"], folder, real=True)
    assert done.returncode == 0, done.stdout
    commit(project, "first run")
    return project


def lock(project: Path) -> dict[str, object]:
    """The outputs' hashes by stage."""
    stages = yaml.safe_load((project / "dvc.lock").read_text())["stages"]
    return {name: stage["outs"] for name, stage in stages.items()}


def ran(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def test_scores_and_report_exist_and_git_is_clean(project: Path) -> None:
    metrics = json.loads((project / "metrics.json").read_text())
    assert metrics["bits"] == 16
    assert metrics["train_bits"] == 64
    assert all(0 <= metrics[task]["mAP"] <= 1 for task in ("i2t", "t2i", "i2i", "t2t"))
    assert (project / "report" / "index.html").stat().st_size > 10_000
    status = subprocess.run(
        ["git", "status", "--short"], cwd=project, capture_output=True, text=True, check=True
    )
    assert status.stdout == ""


def test_second_run_does_nothing_but_plan(project: Path, folder: Path) -> None:
    assert ran(run(project, ["dvc", "repro"], folder).stdout) == ["plan"]


def test_other_bits_train_nothing_and_come_back_from_the_cache(project: Path, folder: Path) -> None:
    before = lock(project)
    shorter = run(project, ["dvc", "exp", "run", "-S", "bits=8"], folder)
    assert shorter.returncode == 0, shorter.stdout
    assert set(ran(shorter.stdout)) == {
        "plan",
        "centers",
        "transform",
        "encode",
        "evaluate",
        "index",
        "report",
    }
    assert json.loads((project / "metrics.json").read_text())["bits"] == 8
    back = run(project, ["dvc", "exp", "run", "-S", "bits=16"], folder)
    assert ran(back.stdout) == ["plan"], back.stdout  # what persists is not in the run cache
    assert lock(project) == before


def clone_without_lock(project: Path, folder: Path) -> Path:
    """A second clone, as this repository gives it: dvc.lock is in no commit."""
    subprocess.run(["git", "clone", "--quiet", str(project), str(folder)], check=True)
    (folder / "dvc.lock").unlink()
    return folder


def test_second_clone_with_empty_cache_gives_the_same_bytes_though_its_training_is_killed(
    project: Path, folder: Path
) -> None:
    """SIGKILL after the second epoch; the next run has all before training and starts at the third epoch."""
    clone, elsewhere = clone_without_lock(project, folder / "clone"), folder / "elsewhere"
    with subprocess.Popen(
        ["dvc", "repro"], cwd=clone, env=environment(elsewhere), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as broken:  # fmt: skip
        assert broken.stdout is not None
        before = []
        for line in broken.stdout:
            before.append(line)
            if line.startswith("epoch 2/4"):
                (stage,) = [
                    one for one in psutil.Process(broken.pid).children(recursive=True)
                    if "stages.train" in one.cmdline()[1:]
                ]  # fmt: skip
                stage.kill()
    assert broken.returncode != 0
    done = run(clone, ["dvc", "repro"], elsewhere)
    assert done.returncode == 0, done.stdout
    assert "training goes on at epoch 3 of 4" in done.stdout
    assert "epoch 2/4" not in done.stdout
    assert not any((elsewhere / "state").glob("*/state.safetensors"))
    assert (len(ran("".join(before))), len(ran(done.stdout))) == (7, 1 + 6)
    assert lock(clone) == lock(project)
    curves = Path("dvclive/plots/metrics/loss.tsv")
    assert (clone / curves).read_bytes() == (project / curves).read_bytes()


def test_a_released_model_comes_into_another_folder(project: Path, folder: Path) -> None:
    """As docs/team.md says: tagged by gto, fetched by DVC, with the bytes that the run has."""
    released = folder / "released"
    subprocess.run(["git", "clone", "--quiet", str(project), str(released)], check=True)
    run(released, ["dvc", "cache", "dir", "--local", str(project / ".dvc" / "cache")], folder)
    tagged = run(released, ["gto", "register", "model", "--version", "v0.1.0"], folder)
    assert tagged.returncode == 0, tagged.stdout
    other = folder / "other"
    other.mkdir()
    for command in (["artifacts", "get", str(released), "model"], ["get", str(released), "artifacts/index"]):
        done = run(other, ["dvc", *command], folder)
        assert done.returncode == 0, done.stdout
    for name in ("model", "index"):
        ours = {path.name: path.read_bytes() for path in (project / "artifacts" / name).iterdir()}
        assert ours == {path.name: path.read_bytes() for path in (other / name).iterdir()}


def test_a_clone_with_the_same_cache_plans_and_restores(project: Path, folder: Path) -> None:
    clone = clone_without_lock(project, folder / "same_cache")
    run(clone, ["dvc", "cache", "dir", "--local", str(project / ".dvc" / "cache")], folder)
    done = run(clone, ["dvc", "repro"], folder / "of_same_cache")
    assert done.returncode == 0, done.stdout
    assert ran(done.stdout) == ["plan"]
    assert lock(clone) == lock(project)


def test_a_clone_with_the_same_remote_pulls_what_it_lacks(project: Path, folder: Path) -> None:
    """Metrics and plots are in git and not in the remote: evaluate runs, a matter of seconds."""
    clone = clone_without_lock(project, folder / "same_remote")
    for place in (project, clone):
        run(place, ["dvc", "remote", "add", "--local", "--default", "team", str(folder / "remote")], folder)
    pushed = run(project, ["dvc", "push", "--run-cache"], folder)
    assert pushed.returncode == 0, pushed.stdout
    done = run(clone, ["dvc", "repro", "--pull"], folder / "of_same_remote")
    assert done.returncode == 0, done.stdout
    assert ran(done.stdout) == ["plan", "evaluate"]
    assert lock(clone) == lock(project)


def test_bad_value_stops_at_the_plan_and_leaves_results(project: Path, folder: Path) -> None:
    before = lock(project)
    failed = run(project, ["dvc", "exp", "run", "-S", "bits=abc"], folder)
    assert failed.returncode != 0
    assert "bits: must be a valid integer" in failed.stdout
    assert ran(failed.stdout) == ["plan"]
    assert (project / "artifacts" / "model" / "model.safetensors").is_file()
    found = run(project, ["crosshash", "search", "red circle", "--top", "1", "--json"], folder)
    assert found.returncode == 0, found.stdout
    # The advice of the message, which git would ignore if the file looked untouched.
    subprocess.run(["git", "checkout", "params.yaml"], cwd=project, check=True)
    again = run(project, ["dvc", "repro"], folder)
    assert again.returncode == 0, again.stdout
    assert ran(again.stdout) == ["plan"]
    assert lock(project) == before


def test_temporary_experiment_uses_its_own_code(project: Path, folder: Path) -> None:
    """An uncommitted edit of src counts in a copy, though the installed package is another checkout."""
    errors = project / "src" / "crosshash" / "config" / "resolve.py"
    text = errors.read_text()
    errors.write_text(
        text.replace(
            '"index": IndexPlan(bits=params.bits, seed=params.seed, **params.index.model_dump())',
            '"index": _own_code_was_used()',
        )
    )
    failed = run(project, ["dvc", "exp", "run", "--temp", "-S", "bits=12"], folder, real=True)
    errors.write_text(text)
    assert failed.returncode != 0
    assert "_own_code_was_used" in failed.stdout


def test_stage_ends_with_the_shell_that_started_it(project: Path, folder: Path) -> None:
    """DVC runs a stage by a shell; when that is killed no training stays behind holding the lock."""
    shutil.copytree(project, folder / "orphan", symlinks=True)
    command = ["sh", "-c", "python -m stages.train features & echo $! ; wait"]
    with subprocess.Popen(
        command, cwd=folder / "orphan", env=environment(folder / "orphan_state"), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as shell:  # fmt: skip
        assert shell.stdout is not None
        assert shell.stderr is not None
        stage = int(shell.stdout.readline())
        next(line for line in shell.stderr if line.startswith("epoch 1/4"))
        shell.kill()
        deadline = time.monotonic() + 20
        while Path(f"/proc/{stage}/status").exists() and time.monotonic() < deadline:
            if "State:\tZ" in Path(f"/proc/{stage}/status").read_text():
                break
            time.sleep(0.1)
        else:
            assert not Path(f"/proc/{stage}").exists()


def test_labels_and_captions_of_queries_leave_the_model_alone(project: Path, folder: Path) -> None:
    """Noise in place of the query items' captions and labels: other codes and scores, the same model."""
    copy = folder / "noise"
    shutil.copytree(project, copy, symlinks=True)
    shutil.copytree(project / "examples" / "features", folder / "vectors")
    table = folder / "vectors" / "pairs.csv"
    queries = set(json.loads((project / "data" / "features" / "split.json").read_text())["query"])
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    classes = sorted({label for row in rows for label in row.rsplit(",", 1)[1].split(";") if label})
    noise = np.random.default_rng(0)
    replaced = [
        f"{row.split(',', 1)[0]},qqq {noise.integers(1000)},{noise.choice(classes)}"
        if row.split(",", 1)[0] in queries
        else row
        for row in rows
    ]
    assert replaced != rows
    table.write_text("\n".join([header, *replaced]) + "\n", encoding="utf-8")
    override(copy, f"features.path={folder / 'vectors'}")
    done = run(copy, ["dvc", "repro", "encode"], folder)
    assert done.returncode == 0, done.stdout
    assert "convert" in ran(done.stdout)
    model = Path("artifacts/model/model.safetensors")
    assert (copy / model).read_bytes() == (project / model).read_bytes()
    codes = Path("artifacts/codes/query.npz")
    assert (copy / codes).read_bytes() != (project / codes).read_bytes()
