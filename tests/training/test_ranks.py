"""Several processes against one, with gloo on the CPU; all of them are started once (in_ranks)."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError
from crosshash.training.fabric import open_fabric
from tests.forked import forked_python
from tests.training.in_ranks import BY_FOUR, BY_TWO, EPOCHS, JOBS, ROOT

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all the processes left behind."""
    folder = tmp_path_factory.mktemp("ranks")
    done = subprocess.run(
        [forked_python(), "-m", "tests.training.in_ranks", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return folder


def left(folder: Path, count: int | str, job: tuple[str, str], rank: int = 0) -> dict[str, np.ndarray]:
    with np.load(folder / f"methods/{count}/{'-'.join(job)}/{rank}.npz") as found:
        return {key: value for key, value in found.items() if key != "_checksum"}


def farthest(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> float:
    """The largest difference of a value, as a share of its size where that is above 1."""
    assert first.keys() == second.keys()
    far = [
        np.abs(one.astype(np.float64) - second[key]) / np.maximum(np.abs(one.astype(np.float64)), 1)
        for key, one in first.items()
    ]
    return max(float(one.max(initial=0)) for one in far)


@pytest.mark.parametrize(
    ("count", "job"), [*((2, job) for job in BY_TWO), *((4, job) for job in BY_FOUR)], ids=str
)
def test_several_processes_are_one(made: Path, count: int, job: tuple[str, str]) -> None:
    """After 20 steps weights, buffers, losses and scores are those of one process, the codes are equal."""
    one, several = left(made, 1, job), left(made, count, job)
    assert np.array_equal(one["codes"] >= 0, several["codes"] >= 0)
    assert np.array_equal(one.pop("draws"), several.pop("draws"))
    assert farthest(one, several) < TOLERANCE
    losses = [read_json(made / f"methods/{n}/{'-'.join(job)}/history.json") for n in (1, count)]
    assert len(losses[0]) == EPOCHS
    for a, b in zip(*losses, strict=True):
        assert a == pytest.approx(b, rel=TOLERANCE, abs=TOLERANCE)


@pytest.mark.parametrize(("count", "job"), [(count, job) for count in (2, 4) for job in JOBS[count]], ids=str)
def test_all_processes_have_the_same_bytes(made: Path, count: int, job: tuple[str, str]) -> None:
    """Weights, SCAHN's buffers and the bits' significance, HQ's codebook, what is drawn next, codes."""
    first = left(made, count, job)
    for rank in range(1, count):
        other = left(made, count, job, rank)
        assert first.keys() == other.keys()
        assert all(np.array_equal(first[key], other[key], equal_nan=True) for key in first)


def test_two_machines_of_one_process_are_one_machine_of_two(made: Path) -> None:
    job = ("vectors", "twdh")
    for key, value in left(made, 2, job).items():
        assert np.array_equal(value, left(made, "nodes", job)[key])


def test_processes_drop_for_themselves_and_draw_together(made: Path) -> None:
    """Each has dropped in its own four of the eight rows, elsewhere; both draw what one process would."""
    found = [np.load(made / f"dropped/{rank}.npz") for rank in range(2)]
    for key in ("dropped", "drawn"):
        assert np.array_equal(found[0][key], found[1][key])
    first, second = np.split(found[0]["dropped"], 2)
    assert set(first.flat) == {0, 2}
    assert not np.array_equal(first, second)
    torch.manual_seed(7)
    assert np.array_equal(found[0]["drawn"], torch.rand(3).numpy())


def test_what_processes_drop_depends_on_seed_and_epoch(made: Path) -> None:
    with np.load(made / "dropped/0.npz") as found:
        assert not np.array_equal(found["dropped"], found["of_next_epoch"])
        assert not np.array_equal(found["dropped"], found["of_other_seed"])


def test_processes_that_show_the_same_items_are_told_so(made: Path) -> None:
    for rank in range(2):
        assert "show the same items" in (made / f"dropped/{rank}.txt").read_text()


# The stage


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for place in ("artifacts/model", "dvclive")
        for path in sorted((folder / place).rglob("*"))
        if path.is_file()
    }


def test_a_killed_process_ends_the_stage_with_a_message_and_nothing_is_half_written(made: Path) -> None:
    told = yaml.safe_load((made / "stages/killed/said.txt").read_text())
    assert told["code"] == 1
    assert "waited for one that has ended (process 1 by signal 9)" in told["said"]
    assert "Run `dvc repro` again: training goes on after its last finished epoch." in told["said"]
    assert "Traceback" not in told["said"]
    assert told["seconds"] < 30
    assert len(list((made / "stages/killed/left").glob("*/state.safetensors"))) == 1


def test_a_stage_with_a_killed_process_goes_on_to_the_same_bytes(made: Path) -> None:
    whole, killed = files(made / "stages/whole"), files(made / "stages/killed")
    assert whole == killed
    assert not list((made / "stages/killed/state").glob("*/*"))


def test_streamed_shards_are_dealt_and_learnt(made: Path) -> None:
    card = read_json(made / "stages/streamed/artifacts/model/model.json")
    assert 1 <= card["best_epoch"] <= 2


def test_processes_that_see_different_data_are_refused(made: Path) -> None:
    said = (made / "stages/other/said.txt").read_text()
    assert "plan, data or version of torch: not the same for all processes" in said
    here = socket.gethostname()
    assert f"Another one than process 0 on {here} have:\n  - process 1 on {here}\n" in said
    assert "one folder that all machines see" in said


# How they are started


def test_another_number_than_torchrun_has_started_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(
        CrosshashError, match=r"torchrun has started 3 processes, but .*train\.devices: 2 .* Start 2"
    ):
        open_fabric("cpu", "fp32", 2)


def test_a_machine_that_does_not_know_its_place_is_told_how_to_give_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NODE_RANK", raising=False)
    with pytest.raises(CrosshashError, match=r"train\.nodes: 2.*NODE_RANK.*MASTER_ADDR.*torchrun"):
        open_fabric("cpu", "fp32", 1, 2)
