from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crosshash.config.networks import _open_clip_names, check_networks
from crosshash.config.presets import list_presets
from crosshash.config.stage_sections import ModelSection
from crosshash.errors import CrosshashError

NUMBERS = ("hidden", "layers")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def section(**changes: Any) -> ModelSection:  # noqa: ANN401
    usual = {"image": "auto", "text": "auto", "pretrained": None, "backbone": "auto", "pooling": "auto"}
    usual |= {"hidden": 512, "layers": "auto"}
    return ModelSection(**{**usual, **changes})


def problems_of(**changes: Any) -> list[str]:  # noqa: ANN401
    with pytest.raises(CrosshashError) as refused:
        check_networks(section(**changes))
    return [line.removeprefix("  - ") for line in str(refused.value).splitlines() if line.startswith("  - ")]


@pytest.mark.parametrize(
    ("image", "text", "pretrained"),
    [
        ("auto", "auto", None),
        ("mlp", "bow", None),
        ("auto", "bow-multiscale", None),
        ("tiny-rn", "tiny-rn", None),
        ("ViT-B-32", "ViT-B-32", "openai"),
        ("ViT-B-32-quickgelu", "ViT-B-32-quickgelu", "/data/own.pt"),
        ("ViT-B-32", "bow", None),
        ("timm/resnet34", "bow-multiscale", "tv_in1k"),
        ("torchvision/alexnet", "auto", "IMAGENET1K_V1"),
        ("timm/resnet34", "auto", "own.safetensors"),
        ("timm/resnet34", "hf/someone/model", "tv_in1k"),
        ("ViT-B-32", "hf/someone/model", "openai"),
        ("auto", "hf/someone/model", None),
        ("auto", "auto", "own.safetensors"),  # of tiny-rn, trained elsewhere
        ("hf-hub:someone/model", "hf-hub:someone/model", None),
    ],
)
def test_networks_and_weights_that_fit(image: str, text: str, pretrained: str | None) -> None:
    check_networks(section(image=image, text=text, pretrained=pretrained))


def test_names_are_those_that_open_clip_knows_itself() -> None:
    open_clip = importlib.import_module("crosshash.models.encoders.clip").open_clip
    own = {path.stem for path in (ROOT / "configs").glob("*.json")}
    assert set(_open_clip_names()) - own == set(open_clip.list_models()) - own


def test_no_library_of_networks_is_loaded() -> None:
    """The plan is made by every `dvc repro`; torch alone takes seconds."""
    code = (
        "import sys, crosshash.config.networks as n; n._open_clip_names()[50]; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        (
            {"image": "ViT-B/32"},
            "model.image: 'ViT-B/32' is neither auto, mlp, nor a file of configs/, nor a model",
        ),
        ({"image": "ViT-B/32"}, "; did you mean ViT-B-32?"),
        ({"image": "vitb32"}, "nor timm/..., torchvision/alexnet or small/efficientnet-lite0"),
        ({"image": "tiny_rn"}, "; did you mean tiny-rn"),
        ({"image": "bow"}, "model.image: 'bow' is neither auto, mlp"),
        ({"text": "ViT-B/16"}, "model.text: 'ViT-B/16' is neither auto, mlp, bow, bow-multiscale, nor"),
        ({"image": "small/efficientnet"}, "; did you mean small/efficientnet-lite0"),
        ({"text": "small/minilmm"}, "nor hf/<folder or name> or small/minilm; did you mean small/minilm?"),
        ({"text": "small/efficientnet-lite0"}, "'small/efficientnet-lite0' reads pictures, not captions"),
        ({"image": "small/minilm"}, "model.image: 'small/minilm' reads captions, not pictures"),
        ({"image": "hf/someone/model"}, "model.image: 'hf/someone/model' reads captions, not pictures"),
        ({"text": "hf//no/such"}, "model.text: 'hf//no/such': the folder '/no/such' is not there"),
        ({"text": "hf/presets"}, "model.text: 'hf/presets': the folder 'presets' holds no config.json"),
        ({"image": "small/efficientnet-lite0", "pretrained": "x"}, "set model.pretrained to null"),
        ({"text": "timm/resnet34"}, "model.text: 'timm/resnet34' reads pictures, not captions"),
        ({"pretrained": "None"}, "model.pretrained: 'None' is no tag and no file; random weights are null"),
        ({"pretrained": ""}, "model.pretrained: '' is no tag and no file"),
        (
            {"pretrained": "openai"},
            "model.pretrained: 'openai' needs networks by name, such as ViT-B-32 for model.image",
        ),
        (
            {"pretrained": "openai", "text": "ViT-B-32"},
            "of auto's own, tiny-rn and mlp, nobody has published weights",
        ),
        ({"pretrained": "openai", "image": "mlp"}, "but model.image: mlp reads vectors"),
        ({"pretrained": "openai", "image": "ViT-B-32"}, "model.image is 'ViT-B-32' and model.text 'auto'"),
        ({"pretrained": "a/b.pt", "image": "ViT-B-32", "text": "bow"}, "weights of one whole model"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, str], finding: str) -> None:
    (problem,) = problems_of(**changes)
    assert finding in problem


def test_all_problems_are_listed_at_once() -> None:
    found = problems_of(image="ViT-B/32", text="ViT-B/32", pretrained="none")
    assert [line.partition(":")[0] for line in found] == ["model.image", "model.text", "model.pretrained"]


def test_presets_name_networks_that_there_are() -> None:
    for preset in list_presets(ROOT):
        model = dict(
            one.removeprefix("model.").split("=") for one in preset.settings if one.startswith("model.")
        )
        names = {
            key: None if value == "null" else value for key, value in model.items() if key not in NUMBERS
        }
        check_networks(section(**names))
