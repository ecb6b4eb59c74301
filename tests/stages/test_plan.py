from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from crosshash.config.encoders.packaged import PACKAGED
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.encode import EncodePlan
from crosshash.config.plans.train import TrainPlan
from crosshash.errors import CrosshashError
from stages.plan import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)


def contents() -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted(Path("plan").iterdir())}


def replace(old: str, new: str) -> None:
    text = Path("params.yaml").read_text()
    assert text.count(old) == 1
    Path("params.yaml").write_text(text.replace(old, new))


def test_every_other_stage_gets_its_own_file_and_can_read_it() -> None:
    main()
    scripts = {path.stem for path in (ROOT / "stages").glob("[!_]*.py")}
    assert set(contents()) == scripts - {"plan"}
    params = yaml.safe_load(Path("params.yaml").read_text())
    assert read_plan("encode", EncodePlan).bits == params["bits"]
    assert read_plan("train", TrainPlan).epochs == params["train"]["epochs"]


def test_a_comment_or_another_order_changes_nothing() -> None:
    main()
    before = contents()
    raw = yaml.safe_load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump(raw, sort_keys=True))
    main()
    assert contents() == before


def test_other_bits_leave_the_plans_of_training_as_they_are() -> None:
    main()
    before = contents()
    replace("bits: 32 ", "bits: 16 ")
    main()
    after = contents()
    assert {stage for stage in before if before[stage] != after[stage]} == {
        "centers",
        "encode",
        "evaluate",
        "index",
        "report",
    }


def test_after_a_bad_value_the_plans_before_stand_untouched() -> None:
    main()
    before = contents()
    replace("bits: 32 ", "bits: 0 ")
    with pytest.raises(CrosshashError, match="bits: must be greater"):
        main()
    assert contents() == before
    assert sorted(os.listdir()) == ["examples", "params.yaml", "plan"]


def test_a_bad_value_leaves_no_plan_at_all_where_there_was_none() -> None:
    replace("bits: 32 ", "bits: abc ")
    with pytest.raises(CrosshashError, match="bits"):
        main()
    assert not Path("plan").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("method: twdh ", "method: djsrh ", ["djsrh rebuilds how alike .* expect scores of chance"]),
        ("method: twdh ", "method: cca ", ["cca takes the networks as they are, .* expect low scores"]),
        ("method: twdh ", "method: ridge ", ["ridge takes the networks as they are"]),
        ("count: 5000 ", "count: 300 ", ["300 training pictures are few .* real photos gave mAP"]),
        ("train: null ", "train: 120 ", ["120 training pictures are few"]),
        ("dataset: scenes ", "dataset: custom ", []),
        ("bits: 32 ", "bits: 16 ", []),
    ],
)
def test_what_random_weights_will_not_give_is_told_beforehand(
    caplog: pytest.LogCaptureFixture, old: str, new: str, told: list[str]
) -> None:
    replace(old, new)
    main()
    assert len(caplog.messages) == len(told)
    for message, wanted in zip(caplog.messages, told, strict=True):
        assert re.match(rf"warning: params\.yaml: {wanted}", message)
    caplog.clear()
    for key in ("image", "text"):
        replace(f"  {key}: auto ", f"  {key}: ViT-B-32 ")
    replace("pretrained: null ", "pretrained: openai ")
    main()
    assert caplog.messages == []


@pytest.mark.skipif(any(one.path is None for one in PACKAGED.values()), reason="crosshash[small]")
def test_networks_that_bring_their_weights_are_not_called_random(caplog: pytest.LogCaptureFixture) -> None:
    """Preset small leaves model.pretrained at null."""
    replace("method: twdh ", "method: cca ")
    replace("train: null ", "train: 120 ")
    replace("  image: auto ", "  image: small/efficientnet-lite0 ")
    replace("  text: auto ", "  text: small/minilm ")
    main()
    assert caplog.messages == []
    replace("  backbone: auto ", "  backbone: tuned ")
    main()
    (message,) = caplog.messages
    assert "model.backbone: tuned, but cca trains no network" in message


def test_vectors_need_no_network_that_sees(caplog: pytest.LogCaptureFixture) -> None:
    replace("method: twdh ", "method: djsrh ")
    replace("train: null ", "train: 40 ")
    for old, new in (
        ("dataset: scenes ", "dataset: features "),
        ("dataset: features ", "dataset: wikipedia "),
    ):
        replace(old, new)
        replace("source: images ", "source: features ") if "wikipedia" in new else None
        main()
        assert caplog.messages == []


def test_as_a_script_it_fails_with_one_message_and_without_torch() -> None:
    """Importing torch alone would take the two seconds within which a bad setting has to be told."""
    replace("bits: 32 ", "bit: 32 ")
    script = """
import runpy, sys
try:
    runpy.run_module("stages.plan", run_name="__main__")
finally:
    print([name for name in ("torch", "scipy", "pandas", "numba") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: 2 problem(s):\n")
    assert "bit: unknown key; did you mean bits?" in done.stderr
    assert "bits: missing key" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("labels", "model", "method"),
    [
        ("sea;sky", {}, "twdh"),
        ("", {}, "cca"),
        ("", {"image": "ViT-B-32", "text": "ViT-B-32", "pretrained": "openai"}, "shared"),
        ("sea", {"image": "ViT-B-32", "text": "ViT-B-32", "pretrained": "openai"}, "twdh"),
    ],
)
def test_auto_is_the_method_that_fits_labels_and_networks(
    labels: str, model: dict[str, str], method: str, caplog: pytest.LogCaptureFixture
) -> None:
    Path("own").mkdir()
    Path("own/pairs.csv").write_text(f"image,caption,labels\na.jpg,the sea,\nb.jpg,the sky,{labels}\n")
    raw = yaml.safe_load(Path("params.yaml").read_text())
    raw |= {"dataset": "custom", "method": "auto", "custom": raw["custom"] | {"path": "own"}}
    Path("params.yaml").write_text(yaml.safe_dump(raw | {"model": raw["model"] | model}))
    for name in ("a", "b"):
        Path(f"own/{name}.jpg").touch()
    with caplog.at_level("INFO"):
        main()
    assert read_plan("train", TrainPlan).method == method
    assert f"method: {method} (auto): " in caplog.text


def test_auto_needs_no_look_at_a_published_data_set() -> None:
    raw = yaml.safe_load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump(raw | {"dataset": "nuswide", "method": "auto"}))
    main()
    assert read_plan("train", TrainPlan).method == "twdh"
