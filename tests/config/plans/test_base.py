from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from crosshash.config.plans.base import read_plan, settings_of, write_plan
from crosshash.config.plans.centers import CentersPlan
from crosshash.config.plans.convert import ConvertPlan
from crosshash.config.plans.train import ModelPlan, TrainPlan
from crosshash.errors import CrosshashError

CENTERS = CentersPlan(used=True, batch=64, supervised=True, label_free=[], train_bits=512, bits=32, seed=0)


def write(folder: Path, stage: str, text: str) -> None:
    (folder / f"{stage}.yaml").write_text(text)


def test_a_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    train = TrainPlan(
        method="twdh", supervised=True, train_bits=512, settings={"quan_weight": 0.5, "short_weight": 0.0},
        model=ModelPlan(image="auto", text="auto", pretrained=None, hidden=512, layers=1), epochs=8, batch=64,
        lr_head=3e-3, lr_backbone=1e-5, lr_text=1.0,
        optimizer="adamw", momentum=0.9, schedule="cosine", lr_end=0.0,
        weight_decay=0.2, warmup=0.1, clip_norm=1.0, precision="auto",
        caption="random", select="best", memory_mb=4096.0, seed=0, device="cpu", threads=2,
    )  # fmt: skip
    write(tmp_path, "train", yaml.safe_dump(train.model_dump()))
    assert read_plan("train", TrainPlan, tmp_path) == train


def test_a_written_plan_is_read_and_its_settings_are_told_without_checksum_and_code(tmp_path: Path) -> None:
    for code in ("a" * 64, "b" * 64):
        write_plan(tmp_path / "centers.yaml", code, CENTERS)
        assert read_plan("centers", CentersPlan, tmp_path) == CENTERS
        assert settings_of(tmp_path / "centers.yaml") == yaml.safe_dump(CENTERS.model_dump(), sort_keys=False)
        told = yaml.safe_load((tmp_path / "centers.yaml").read_text())
        assert told == {"code": code, **CENTERS.model_dump()}


def test_a_plan_with_another_digit_or_without_its_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "centers.yaml"
    write_plan(path, "c" * 64, CENTERS)
    text = path.read_text()
    for changed in (text.replace("bits: 32", "bits: 33"), text.replace("seed: 0\n", "seed: 0"), text[:-9]):
        path.write_text(changed)
        with pytest.raises(
            CrosshashError, match=r"centers\.yaml: its checksum differs.*Run `dvc repro plan`"
        ):
            read_plan("centers", CentersPlan, tmp_path)


@pytest.mark.parametrize(("query", "kind"), [(500, int), (0.1, float), (None, type(None))])
def test_a_count_stays_a_count_and_a_share_a_share(
    tmp_path: Path, query: float | None, kind: type[object]
) -> None:
    plan = ConvertPlan(
        dataset="scenes", settings={"count": 10}, query=query, train=2, val=0.0, split_seed=0,
        missing_class="error", split_file=None, check="full", max_side=512, bad_images="fail",
        vocabulary=10, shard_mb=1.0,
    )  # fmt: skip
    write(tmp_path, "convert", yaml.safe_dump(plan.model_dump()))
    found = read_plan("convert", ConvertPlan, tmp_path)
    assert found == plan
    assert type(found.query) is kind


def test_a_missing_plan_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"centers\.yaml: not found\. Run `dvc repro`"):
        read_plan("centers", CentersPlan, tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "used: true\n", "used: [", "bits: x\n", yaml.safe_dump({**CENTERS.model_dump(), "more": 1})],
)
def test_a_plan_that_is_cut_or_of_another_version_is_named(tmp_path: Path, text: str) -> None:
    write(tmp_path, "centers", text)
    with pytest.raises(CrosshashError, match=r"(?s)centers\.yaml: .*run `dvc repro plan`"):
        read_plan("centers", CentersPlan, tmp_path)


def test_a_plan_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        CENTERS.bits = 64  # type: ignore[misc]
