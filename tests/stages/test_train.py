from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from crosshash.centers.center_book import write_centers
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.train import TrainPlan
from crosshash.errors import CrosshashError
from crosshash.inference.model_folder import load_model
from crosshash.pairs.info import read_info
from crosshash.shards.item_files import Item
from crosshash.shards.tar_files import write_shards
from crosshash.training.learning_curves import Curves
from stages import train
from stages.train import rates_of
from tests.stages.vector_set import BITS, DATA, make_items, write_plans, write_set

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CROSSHASH_STATE", str(tmp_path / "state"))
    write_set(make_items())
    write_plans()


def outputs() -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for folder in (train.MODEL, train.CURVES)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def trained() -> dict[str, bytes]:
    """Outputs of a training without anything left of one before."""
    shutil.rmtree("dvclive", ignore_errors=True)
    shutil.rmtree("artifacts/model", ignore_errors=True)
    train.main("set")
    return outputs()


def test_a_training_leaves_model_and_curves_and_no_checkpoint() -> None:
    files = trained()
    assert {"artifacts/model/model.safetensors", "artifacts/model/model.json", "dvclive/metrics.json"} <= set(
        files
    )
    curves = {Path(name).stem for name in files if name.endswith(".tsv")}
    assert curves == {"loss", "entropy", "quantisation", "val_i2t", "val_t2i"}
    assert not list(Path("state").glob("*/*"))
    card = load_model(train.MODEL).card
    assert (card.method, card.train_bits) == ("twdh", BITS)
    assert (card.image.kind, card.text.kind) == ("mlp", "bow")
    assert 1 <= card.best_epoch <= 3


def test_the_threads_of_the_plan_are_used_and_stand_in_the_card() -> None:
    """Whatever OMP_NUM_THREADS says, which is 1 here."""
    before = torch.get_num_threads()
    write_plans(threads=2)
    try:
        trained()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert json.loads((train.MODEL / "model.json").read_text())["threads"] == 2
    assert load_model(train.MODEL).card.threads == 2


def test_few_pictures_for_random_weights_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    known = replace(read_info(DATA), image_kind="jpeg")
    for info, fresh in ((known, False), (read_info(DATA), True)):
        train.warn_of_few_pictures(info, fresh)
        assert caplog.messages == []
    train.warn_of_few_pictures(known, True)
    assert caplog.messages[0].startswith("warning: 36 training pictures are few for networks that start from")
    train.warn_of_few_pictures(replace(known, counts={"train": 500}), True)
    assert len(caplog.messages) == 1


def test_a_second_training_has_the_same_bytes() -> None:
    assert trained() == trained()


def test_the_seed_and_the_settings_reach_the_weights() -> None:
    first = trained()
    write_plans(seed=1)
    assert trained() != first
    write_plans(settings={"quan_weight": 0.1, "short_weight": 0.0})
    assert trained() != first


def test_queries_and_the_rest_have_no_say() -> None:
    """Noise in place of their vectors, captions and labels leaves every byte of the model alone."""
    parts = make_items()
    before = trained()
    noise = np.random.default_rng(5)

    def spoilt(item: Item) -> Item:
        vector = noise.normal(0, 9, 5).astype(np.float32)
        return replace(item, image=vector, captions=("dog owl big",), labels=("owl",))

    changed = {part: [spoilt(item) for item in parts[part]] for part in ("query", "rest")}
    shutil.rmtree(DATA / "shards")
    write_shards(DATA, {**parts, **changed}, 0.05)
    assert trained() == before


def test_a_training_that_was_stopped_goes_on_to_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = trained()
    add = Curves.add

    def stop_after_two(self: Curves, epoch: int, row: dict[str, float]) -> None:
        add(self, epoch, row)
        if epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Curves, "add", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            trained()
    assert not train.MODEL.exists()
    assert len(list(Path("state").glob("*/state.safetensors"))) == 1
    with caplog.at_level("INFO"):
        assert trained() == whole
    assert "training goes on at epoch 3 of 3" in caplog.text
    assert not list(Path("state").glob("*/*"))


def test_another_plan_does_not_go_on_where_this_one_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: Curves, epoch: int, row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Curves, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            trained()
    write_plans(epochs=2)
    after_a_stop = trained()
    shutil.rmtree("state")
    assert trained() == after_a_stop


def test_ctrl_c_ends_the_stage_with_status_130_and_no_half_written_file(tmp_path: Path) -> None:
    write_plans(epochs=100_000)
    stage = subprocess.Popen(
        [sys.executable, "-m", "stages.train", "set"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert stage.stderr is not None
    for line in stage.stderr:
        if line.startswith("epoch 2/"):
            break
    stage.send_signal(signal.SIGINT)
    rest = stage.stderr.read()
    assert stage.wait() == 130, rest
    assert rest.endswith("stopped by Ctrl-C; nothing half-written was left\n")
    assert "Traceback" not in rest
    assert not train.MODEL.exists()
    assert not list(tmp_path.rglob("*.part"))
    assert len(list(Path("state").glob("*/state.safetensors"))) == 1


def test_a_streamed_set_is_learnt_too() -> None:
    write_plans(memory_mb=0.0)
    assert trained() == trained()


def closed_form(**changes: object) -> None:
    """Plan CCA of two bits; more are not in the captions of the set."""
    write_plans(**{
        "method": "cca", "supervised": False, "train_bits": 2,
        "settings": {"quantiser": "itq", "penalty": "auto"},
    } | changes)  # fmt: skip


def test_a_closed_form_leaves_a_model_its_penalty_and_curves_over_the_penalties(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed_form()
    caplog.set_level("INFO")
    files = trained()
    curves = {Path(name).stem for name in files if name.endswith(".tsv")}
    assert curves == {"quantisation", "val_correlation", "val_i2t", "val_t2i"}
    rows = Path("dvclive/plots/metrics/val_correlation.tsv").read_text().splitlines()[1:]
    values = [float(row.split()[1]) for row in rows]
    card = load_model(train.MODEL).card
    assert card.best_epoch == 1 + values.index(max(values))
    assert card.settings == {
        "quantiser": "itq",
        "penalty": (0.01, 0.1, 0.3, 1, 3, 10, 30)[card.best_epoch - 1],
    }
    assert f"kept penalty {card.settings['penalty']:g} in {train.MODEL}" in caplog.messages
    assert not Path("state").exists()
    assert trained() == files


def test_a_closed_form_needs_neither_labels_nor_validation_pairs() -> None:
    shutil.rmtree("data")
    shutil.rmtree("artifacts")
    items = {part: [replace(item, labels=()) for item in items] for part, items in make_items().items()}
    write_set({**items, "val": []}, labelled=False)
    write_centers(train.CENTERS, None)
    closed_form()
    trained()
    assert load_model(train.MODEL).card.settings["penalty"] == 1.0
    assert [path.stem for path in Path("dvclive/plots/metrics").iterdir()] == ["quantisation"]


def test_more_bits_than_a_closed_form_gives_are_refused_and_nothing_is_written() -> None:
    closed_form(train_bits=3)
    with pytest.raises(
        CrosshashError, match=r"params\.yaml: bits: 3, but canonical correlation .* only 2 dim"
    ):
        train.main("set")
    assert not train.MODEL.exists()


def test_without_validation_queries_the_last_epoch_is_kept() -> None:
    parts = make_items()
    shutil.rmtree("data")
    shutil.rmtree("artifacts")
    write_set({**parts, "val": []})
    trained()
    assert load_model(train.MODEL).card.best_epoch == 3
    assert not Path("dvclive/plots/metrics/val_i2t.tsv").exists()


def test_the_last_epoch_on_demand() -> None:
    write_plans(select="last")
    trained()
    assert json.loads((train.MODEL / "model.json").read_text())["best_epoch"] == 3


def test_all_that_decides_the_result_is_in_the_key_of_its_checkpoint() -> None:
    plan = read_plan("train", TrainPlan)
    names = {path.name for path in train.files_of(plan, DATA)}
    assert names == {
        "train.yaml", "index.json", "train_labels.npz", "vocabulary.json", "info.json",
        "long.npz", "transform_training.npz",
    }  # fmt: skip
    Path("own.safetensors").touch()
    with_weights = plan.model_copy(
        update={"model": plan.model.model_copy(update={"pretrained": "own.safetensors"})}
    )
    assert Path("own.safetensors") in train.files_of(with_weights, DATA)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 37}, r"train\.batch: 37 pairs a step, but there are only 36 training items"),
        (
            {"model": {"image": "tiny-rn", "text": "auto", "pretrained": None, "hidden": 8, "layers": 1}},
            "use mlp or auto",
        ),
        (
            {"lr_head": 1e30, "lr_backbone": 1e30, "warmup": 0.0, "clip_norm": 1e30},
            "the loss is no longer a number",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_and_nothing_is_written(
    changes: dict[str, object], message: str
) -> None:
    write_plans(**changes)
    with pytest.raises(CrosshashError, match=message):
        train.main("set")
    assert not train.MODEL.exists()


def test_a_set_without_labels_is_refused_by_a_supervised_method() -> None:
    shutil.rmtree("data")
    shutil.rmtree("artifacts")
    write_set(make_items(), labelled=False)
    with pytest.raises(CrosshashError, match="no training item has a label"):
        train.main("set")


@pytest.mark.parametrize(
    "name",
    ["plan/train.yaml", "data/set/info.json", "artifacts/centers/long.npz", "data/set/vocabulary.json"],
)
def test_a_missing_input_is_named_with_the_command(name: str) -> None:
    Path(name).unlink()
    with pytest.raises(CrosshashError, match=rf"{name}: not found\. Run `dvc repro`"):
        train.main("set")


@pytest.mark.parametrize(
    ("asked", "fresh", "rates"),
    [
        ("auto", (True, True), (0.02, 0.02)),
        ("auto", (False, True), (1e-5, 0.02)),
        ("auto", (False, False), (1e-5, 1e-5)),
        (0.5, (False, True), (0.5, 0.5)),
    ],
)
def test_published_weights_learn_slowly_and_fresh_ones_like_the_head(
    asked: Literal["auto"] | float, fresh: tuple[bool, bool], rates: tuple[float, float]
) -> None:
    plan = read_plan("train", TrainPlan).model_copy(update={"lr_head": 0.02, "lr_backbone": asked})
    found = rates_of(plan, fresh)
    assert (found.head, found.backbone, found.backbone_text) == (0.02, *rates)


def test_weights_that_have_changed_since_the_plan_are_not_trained_from() -> None:
    Path("own.safetensors").write_bytes(b"new")
    model = read_plan("train", TrainPlan).model.model_dump()
    write_plans(model={**model, "pretrained": "own.safetensors", "pretrained_sha256": "0" * 64})
    with pytest.raises(CrosshashError, match=r"own\.safetensors: has changed since the plan was made"):
        train.main("set")
