"""A cache that cannot take what a run has made: DVC 3.67.1 says so in its log and ends with success."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.experiments.stored import check_stored
from tests.flows.repositories import toy
from tests.projects import ROOT, run

LIMIT = 1 << 20
LARGE = "ulimit -S -f unlimited; mkdir -p right.txt; head -c 3000000 /dev/zero > right.txt/large"
"""The stage may write more than DVC may: an output folder that does not fit into the cache."""


@contextmanager
def small_files() -> Iterator[None]:
    """No file above 1 MiB can be written by this process and those that it starts."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def copying(folder: Path) -> Path:
    """A repository whose outputs are copied into the cache, as from disk to disk."""
    project = toy(folder, right=LARGE)
    subprocess.run(["dvc", "config", "cache.type", "copy"], cwd=project, check=True)
    return project


def test_outputs_that_were_not_stored_are_named_and_the_next_run_stores_them(tmp_path: Path) -> None:
    project = copying(tmp_path / "toy")
    with small_files():
        done = run(project, ["dvc", "repro", "left", "right"], tmp_path)
    assert done.returncode == 0, done.stdout  # DVC's own verdict
    assert "failed to transfer" in done.stdout
    with pytest.raises(CrosshashError) as error:
        check_stored(project)
    assert "  - right.txt (stage right)\n" in str(error.value)
    assert "left" not in str(error.value)
    assert "`dvc commit right` stores" in str(error.value)
    check_stored(project, "left")
    told = run(project, ["crosshash", "stored"], tmp_path)
    assert (told.returncode, told.stdout) == (1, f"error: {error.value}\n")

    again = run(project, ["dvc", "repro", "right"], tmp_path)
    assert again.returncode == 0, again.stdout
    assert "Running stage 'right'" in again.stdout
    assert run(project, ["crosshash", "stored"], tmp_path).stdout == ""


def test_what_was_made_can_be_stored_afterwards_without_a_run(tmp_path: Path) -> None:
    project = copying(tmp_path / "toy")
    with small_files():
        run(project, ["dvc", "repro", "right"], tmp_path)
    done = run(project, ["dvc", "commit", "right"], tmp_path)
    assert done.returncode == 0, done.stdout
    check_stored(project)
    assert "Running stage" not in run(project, ["dvc", "repro", "right"], tmp_path).stdout


def test_a_folder_that_dvc_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=f"{tmp_path}: DVC cannot tell what its cache holds"):
        check_stored(tmp_path)


HALF = """
import time
from pathlib import Path
from dvc.repo import Repo

path = Path("dvc.lock")
with Repo(".") as repo, repo.lock:
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"cmd")])
    print("half", flush=True)
    time.sleep(1)
    path.write_bytes(whole)
"""
"""What DVC does at the end of a stage, made slow: it writes dvc.lock in place, and holds a lock meanwhile."""


def test_a_stage_that_ends_meanwhile_is_waited_for(tmp_path: Path) -> None:
    """Two stages of a flow run at once: who reads dvc.lock half-written finds no list, or too short a one."""
    project = toy(tmp_path / "toy")
    assert run(project, ["dvc", "repro"], tmp_path).returncode == 0
    command = [sys.executable, "-c", HALF]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "half\n"
        check_stored(project)
    assert other.returncode == 0


def test_make_repro_asks_for_it() -> None:
    """Between the run and its scores; -n prints the commands and runs none."""
    command = ["make", "--no-print-directory", "-n", "repro"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert lines.stdout.splitlines()[-3:] == ["dvc repro", "crosshash stored", "crosshash scores"]
