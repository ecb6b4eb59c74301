from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from crosshash.errors import CrosshashError
from crosshash.models.encoders import clip
from crosshash.models.encoders.clip_settings import (
    DEFAULT,
    clip_config,
    open_clip,
    resize_of,
    with_preprocess,
)
from crosshash.models.encoders.clip_tokens import text_reader
from crosshash.readers.pictures import image_reader
from tests.models.clip_folders import LIKE_MOBILECLIP2, LIKE_SIGLIP2, MOBILECLIP2, OPENAI, SIGLIP2, picture
from tests.models.hf_folders import tokenizer

CONFIGS = Path("configs")
PADDED = {**LIKE_SIGLIP2, "resize_mode": "longest"}


def settled(name: str, pretrained: str | None) -> dict[str, Any]:
    return with_preprocess(clip_config(name, CONFIGS), name, pretrained)


@pytest.mark.parametrize(
    ("name", "tag", "wanted"),
    [
        ("ViT-B-16-SigLIP2", "webli", LIKE_SIGLIP2),
        ("MobileCLIP2-S0", "dfndr2b", LIKE_MOBILECLIP2),
        ("MobileCLIP2-S4", "dfndr2b", {**DEFAULT, "interpolation": "bilinear"}),
        ("ViT-B-32", "laion2b_s34b_b79k", DEFAULT),
        ("ViT-H-14-quickgelu", "dfn5b", {**DEFAULT, "resize_mode": "squash"}),
        ("ViT-L-14", "laion2b_s32b_b82k", {**DEFAULT, "mean": [0.5] * 3, "std": [0.5] * 3}),
    ],
)
def test_a_tag_brings_the_scaling_of_its_training(name: str, tag: str, wanted: dict[str, Any]) -> None:
    config = settled(name, tag)
    assert config["preprocess_cfg"] == wanted
    assert resize_of(config) == {"shortest": "crop", "squash": "squash"}[wanted["resize_mode"]]
    assert json.loads(json.dumps(config)) == config  # as it comes back out of model.json


@pytest.mark.parametrize(("name", "tag"), [("ViT-B-16-SigLIP2", "webli"), ("MobileCLIP2-S0", "dfndr2b")])
def test_a_file_is_taken_to_be_scaled_as_all_tags_of_the_model(
    name: str, tag: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert settled(name, "own.safetensors") == settled(name, tag)
    assert not caplog.records


def test_a_file_of_a_model_whose_tags_differ_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert settled("ViT-L-14", "own.safetensors")["preprocess_cfg"] == DEFAULT
    assert "taken as those of openai; those of laion2b_s32b_b82k were scaled otherwise" in caplog.text


def test_random_weights_see_all_of_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[3])
    for name in ("tiny-rn", "MobileCLIP2-S0"):
        assert "preprocess_cfg" not in settled(name, None)
        assert resize_of(settled(name, None)) == "squash"
    assert settled("tiny-rn", "own.pt")["preprocess_cfg"] == DEFAULT


def test_a_config_of_the_project_may_say_how_pictures_are_scaled(tmp_path: Path) -> None:
    told = {"model_cfg": MOBILECLIP2, "preprocess_cfg": LIKE_MOBILECLIP2}
    (tmp_path / "own.json").write_text(json.dumps(told))
    config = with_preprocess(clip_config("own", tmp_path), "own", "weights.pt")
    assert config == {**MOBILECLIP2, "preprocess_cfg": LIKE_MOBILECLIP2}
    (tmp_path / "padded.json").write_text(json.dumps(told | {"preprocess_cfg": PADDED}))
    with pytest.raises(CrosshashError, match="'padded' wants pictures padded to squares"):
        with_preprocess(clip_config("padded", tmp_path), "padded", None)


def test_pixels_reach_the_network_in_the_units_of_its_training() -> None:
    """255 and 0 are 1 and 0 for mean 0 and deviation 1, 1 and -1 for .5 and .5."""
    ends = torch.tensor([[[[255, 0]]] * 3], dtype=torch.uint8)[:, :, 0]
    for preprocess, low in ((LIKE_MOBILECLIP2, 0), (LIKE_SIGLIP2, -1)):
        towers = clip.build_clip({**OPENAI, "preprocess_cfg": preprocess}, "own", "crop")
        assert towers.image.scaling(ends)[0, 0, 0].tolist() == pytest.approx([1, low], abs=1e-6)
        raw = picture((64, 64))
        rgb = Image.open(io.BytesIO(raw)).convert("RGB")
        how = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
        wanted = np.asarray(rgb.resize((32, 32), how[preprocess["interpolation"]]))  # type: ignore[index]
        assert np.array_equal(towers.prepare_image(raw), wanted.transpose(2, 0, 1))
    assert not np.array_equal(image_reader(32, "crop")(raw), image_reader(32, "crop", "bilinear")(raw))


@pytest.mark.parametrize("name", ["ViT-B-16-SigLIP2", "MobileCLIP2-S0", "ViT-B-32", "RN50", "convnext_base"])
def test_both_towers_hold_every_tensor_of_the_whole_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At full size, without numbers; the tokenizer, which comes from the hub, is left out."""
    monkeypatch.setattr(clip, "text_reader", lambda _: str)
    config = settled(name, open_clip.list_pretrained_tags_by_model(name)[0])
    with torch.device("meta"):
        towers, whole = clip.build_clip(config, name, resize_of(config)), clip._whole(config)
    own = {f"visual.{key}": value.shape for key, value in towers.image.visual.state_dict().items()}
    own |= {key: value.shape for key, value in towers.text.clip.state_dict().items()}
    assert own == {key: value.shape for key, value in whole.state_dict().items() if key not in clip.SCALES}
    assert len(towers.image.level_dims) == len(towers.text.level_dims) == 4


def test_the_longest_text_and_the_options_of_the_tokenizer_are_those_of_the_config(tmp_path: Path) -> None:
    tokenizer().save_pretrained(tmp_path)
    named = {"text_cfg": {"hf_tokenizer_name": str(tmp_path), "context_length": 6}}
    cleaned = {"text_cfg": named["text_cfg"] | {"tokenizer_kwargs": {"clean": "canonicalize"}}}
    assert text_reader(named)("Two dog!").tolist() == [2, 1, 5, 1, 3, 0]  # unknown: Two, !
    assert text_reader(cleaned)("Two dog!").tolist() == [2, 9, 5, 3, 0, 0]
    assert text_reader({"text_cfg": {"context_length": 20}})("a dog").shape == (20,)
    assert text_reader({"text_cfg": {}})("a dog").shape == (77,)


def test_a_tokenizer_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        CrosshashError, match=r"the tokenizer 'someone/elsewhere' cannot be had .* local-dir:"
    ):
        text_reader(SIGLIP2)
