from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from crosshash.config.encoders.clip_folder import clip_folder_digest
from crosshash.config.networks import check_networks, folders_digest
from crosshash.errors import CrosshashError
from crosshash.models.tower_specs import TowerSpec, image_spec, text_spec, with_fresh_weights
from crosshash.models.towers import Tower, build_towers
from tests.config.test_networks import section
from tests.models.clip_folders import (
    FILE,
    LIKE_MOBILECLIP2,
    LIKE_SIGLIP2,
    MOBILECLIP2,
    OPENAI,
    SIGLIP2,
    by_open_clip,
    picture,
    save,
)
from tests.models.hf_folders import network
from tests.models.hf_folders import save as save_hf

MODELS = {
    "openai": (OPENAI, None),
    "siglip2": (SIGLIP2, LIKE_SIGLIP2),
    "mobileclip2": (MOBILECLIP2, LIKE_MOBILECLIP2),
}


def specs(name: str) -> tuple[TowerSpec, TowerSpec]:
    return image_spec(name, "jpeg", None, 12, None), text_spec(name, "caption", "jpeg", None, [], 12, None)


def towers(name: str, *, empty: bool = False) -> tuple[Tower, Tower]:
    found = build_towers(*specs(name), empty=empty)
    for tower in found:
        tower.network.eval()
    return found


@pytest.mark.parametrize("layout", list(MODELS))
def test_a_folder_gives_what_open_clip_gives(layout: str, tmp_path: Path) -> None:
    """Scaling, interpolation, squares, tokenizer, cleaning and weights, all from the folder.

    Of 480 x 320 the shorter side becomes 32 or 160 without rounding, so that the crop may come first.
    """
    folder, raw = save(tmp_path / layout, *MODELS[layout]), picture()
    image, text = towers(f"local-dir:{folder}")
    wanted = by_open_clip(folder, raw, "Two DOG, lying on a sofa!")
    with torch.no_grad():
        found = (
            image.network(torch.from_numpy(image.prepare(raw))[None]),
            text.network(torch.from_numpy(text.prepare("Two DOG, lying on a sofa!"))[None]),
        )
    for own, other in zip(found, wanted, strict=True):
        assert torch.nn.functional.cosine_similarity(own, other).item() > 0.9999
        assert torch.allclose(own, other, rtol=0.02, atol=0.02)
    assert image.space == text.space == f"local-dir:{folder}"


def test_texts_are_cleaned_and_padded_as_the_config_says(tmp_path: Path) -> None:
    """[CLS] two dog [SEP], then [PAD] up to nine places."""
    _, text = towers(f"local-dir:{save(tmp_path / 'siglip2', SIGLIP2, LIKE_SIGLIP2)}")
    assert text.prepare("Two DOG!!").tolist() == [2, 9, 5, 3, 0, 0, 0, 0, 0]
    assert len(text.prepare("dog " * 40)) == 9


def test_the_text_network_may_be_one_of_transformers(tmp_path: Path) -> None:
    """As xlm-roberta-base-ViT-B-32; only the description is read from elsewhere, never its weights."""
    inner = save_hf(tmp_path / "inner", network("XLMRoberta"))
    text_cfg = {"hf_model_name": str(inner), "hf_tokenizer_name": str(inner), "hf_pooler_type": "mean_pooler",
                "hf_proj_type": "mlp", "context_length": 10}  # fmt: skip
    folder = save(
        tmp_path / "whole", {"embed_dim": 16, "vision_cfg": OPENAI["vision_cfg"], "text_cfg": text_cfg}, None
    )
    _, text = towers(f"local-dir:{folder}")
    _, wanted = by_open_clip(folder, picture(), "two dog run")
    with torch.no_grad():
        found = text.network(torch.from_numpy(text.prepare("two dog run"))[None])
    assert torch.allclose(found, wanted, atol=1e-5)
    with pytest.raises(CrosshashError, match="shows no four depths"):
        assert text.level_dims


def test_a_folder_brings_its_weights_and_is_left_empty_for_those_of_a_trained_model(tmp_path: Path) -> None:
    name = f"local-dir:{save(tmp_path / 'openai', OPENAI, None)}"
    assert with_fresh_weights(*specs(name), None) == (False, False)
    filled, again, empty = towers(name), towers(name), towers(name, empty=True)
    for one, two, three in zip(filled, again, empty, strict=True):
        states = [tower.network.state_dict() for tower in (one, two, three)]
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
        assert not all(torch.equal(states[0][key], states[2][key]) for key in states[0])


def test_plan_says_what_a_folder_lacks(tmp_path: Path) -> None:
    folder = save(tmp_path / "siglip2", SIGLIP2, LIKE_SIGLIP2)
    name = f"local-dir:{folder}"
    check_networks(section(image=name, text=name))

    def problem(**changes: Any) -> str:  # noqa: ANN401
        with pytest.raises(CrosshashError) as refused:
            check_networks(section(**{"image": name, "text": "bow", **changes}))
        return str(refused.value)

    assert "'openai', but 'local-dir:" in problem(pretrained="openai")
    for path in folder.glob("tokenizer*"):
        path.unlink()
    assert "holds no tokenizer" in problem()
    (folder / FILE).rename(folder / "other.safetensors")
    assert f"holds no weights, such as {FILE}" in problem()
    (folder / "open_clip_config.json").unlink()
    assert "holds no open_clip_config.json" in problem()
    assert "the folder '/no/such' is not there" in problem(image="local-dir:/no/such")


def test_a_folder_counts_by_its_content(tmp_path: Path) -> None:
    folder = save(tmp_path / "openai", OPENAI, None)
    name, bert = f"local-dir:{folder}", f"hf/{save_hf(tmp_path / 'bert', network())}"
    first = clip_folder_digest(name)
    assert folders_digest(name, name) == first
    assert folders_digest(name, bert) not in (None, first)
    assert folders_digest("ViT-B-32", "bow") is None
    told = json.loads((folder / "open_clip_config.json").read_text())
    (folder / "open_clip_config.json").write_text(json.dumps(told | {"preprocess_cfg": LIKE_SIGLIP2}))
    assert clip_folder_digest(name) != first


def test_a_name_of_the_hub_without_network_names_the_way_by_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline mode makes the client give up at once; an empty cache leaves it nothing to find."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        CrosshashError, match=r"of 'hf-hub:someone/model' could not be fetched .* local-dir:<path>"
    ):
        specs("hf-hub:someone/model")


def test_a_name_of_the_hub_is_taken_from_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout of the hub's cache: the commit of a branch in refs, the files under snapshots/<commit>."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    place, commit = tmp_path / "models--someone--model", "0" * 39 + "1"
    (place / "snapshots").mkdir(parents=True)
    folder = save(place / "snapshots" / commit, MOBILECLIP2, LIKE_MOBILECLIP2)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    for one, two in zip(towers("hf-hub:someone/model"), towers(f"local-dir:{folder}"), strict=True):
        states = one.network.state_dict(), two.network.state_dict()
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[1])
    assert specs("hf-hub:someone/model")[0].config == specs(f"local-dir:{folder}")[0].config
