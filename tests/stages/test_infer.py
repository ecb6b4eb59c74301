from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crosshash.artifacts import read_json
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.infer import InferPlan
from crosshash.errors import CrosshashError
from crosshash.inference.model_folder import digest_on_disk
from crosshash.inference.shard_work import Inference, inference_units
from crosshash.workers.engine import Share
from crosshash.workers.units import UnitWorker, begin
from stages.infer import EMBEDDINGS, MODEL, OUTPUTS, main
from tests.stages.stage_runs import files_of

DATA = Path("data/scenes")


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained_project: Path) -> None:
    shutil.copytree(trained_project, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("CROSSHASH_STATE", str(tmp_path / "state"))


def units_of(state: Path) -> list[Path]:
    return sorted(state.glob("*/*.npz"))


def test_shares_write_units_and_the_stage_puts_them_together(tmp_path: Path) -> None:
    """Four shards of two shares; the stage makes none of them again."""
    expected, state = files_of(OUTPUTS), tmp_path / "state"
    shutil.rmtree(OUTPUTS)
    main("scenes", Share(1, 2))
    assert [path.stem for path in units_of(state)] == ["rest-000000.tar", "train-000000.tar"]
    main("scenes", Share(0, 2))
    assert not OUTPUTS.exists()
    whole = {path: path.stat().st_mtime_ns for path in units_of(state)}
    assert len(whole) == len(read_json(DATA / "shards/index.json")["shards"]) == 4
    (DATA / "shards/query-000000.tar").unlink()  # nobody reads it again
    main("scenes")
    assert files_of(OUTPUTS) == expected
    assert [path.suffix for path in state.iterdir()] == [".lock"]


def test_a_damaged_shard_is_told_and_the_others_are_kept(tmp_path: Path) -> None:
    shard = DATA / "shards/val-000000.tar"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:600] + b"x" + whole[601:])
    with pytest.raises(CrosshashError, match=r"1 unit.s. of work.*\n  - val-000000\.tar\.npz: .*checksum"):
        main("scenes")
    assert len(units_of(tmp_path / "state")) == 3
    shard.write_bytes(whole)
    expected = files_of(OUTPUTS)
    main("scenes")
    assert files_of(OUTPUTS) == expected


def test_a_worker_loads_the_same_model(tmp_path: Path) -> None:
    """What other processes do is what the stage itself does; another model is refused there."""
    main("scenes", Share(0, 4))
    [mine] = units_of(tmp_path / "state")
    begin(tmp_path / "other")
    digest, plan = digest_on_disk(MODEL), read_plan("infer", InferPlan)
    unit = inference_units(DATA)[0]
    work = Inference(DATA, MODEL, digest, EMBEDDINGS, plan)
    assert UnitWorker(work, tmp_path / "other").do(unit) is None
    assert (tmp_path / "other" / unit.name).read_bytes() == mine.read_bytes()
    (tmp_path / "other" / unit.name).unlink()
    work = Inference(DATA, MODEL, "0" * 64, EMBEDDINGS, plan)
    reason = UnitWorker(work, tmp_path / "other").do(unit)
    assert reason == "artifacts/model: holds another model than when this work began. Run again."
