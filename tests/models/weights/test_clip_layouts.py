from __future__ import annotations

import importlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crosshash.errors import CrosshashError
from crosshash.models.encoders.clip import _whole
from crosshash.models.encoders.clip_settings import clip_config
from crosshash.models.tower_specs import image_spec
from crosshash.models.towers import Tower, build_towers
from crosshash.models.weights.clip_layouts import in_open_clip_names
from crosshash.models.weights.tensors import read_tensors, write_tensors
from tests.models.clip_folders import MOBILECLIP2, OPENAI, SIGLIP2, TEXT, VIT, whole
from tests.models.hf_folders import tokenizer, transformers


@pytest.fixture(autouse=True)
def _with_own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small models of the three kinds, and one that keeps the text of the first apart."""
    tokenizer().save_pretrained(tmp_path / "tokens")
    siglip2 = {**SIGLIP2, "text_cfg": {**SIGLIP2["text_cfg"], "hf_tokenizer_name": str(tmp_path / "tokens")}}  # type: ignore[dict-item]
    apart = {**OPENAI, "custom_text": True}
    models = {"openai": OPENAI, "siglip2": siglip2, "mobileclip2": MOBILECLIP2, "apart": apart}
    (tmp_path / "configs").mkdir()
    for name, config in models.items():
        (tmp_path / "configs" / f"{name}.json").write_text(json.dumps(config))
    monkeypatch.chdir(tmp_path)


def towers(name: str, path: str) -> tuple[Tower, Tower]:
    spec = image_spec(name, "jpeg", None, 12, path)
    found = build_towers(spec, spec, path)
    for tower in found:
        tower.network.eval()
    return found


def assert_hold(found: tuple[Tower, Tower], model: Any) -> None:  # noqa: ANN401
    own = {key: value for key, value in found[0].network.state_dict().items() if key.startswith("visual.")}
    own |= {key.removeprefix("clip."): value for key, value in found[1].network.state_dict().items()}
    state = model.state_dict()
    assert own.keys() == state.keys() - {"logit_scale", "logit_bias"}
    assert all(torch.equal(own[key], state[key]) for key in own)


@pytest.mark.parametrize(
    ("name", "config"), [("siglip2", SIGLIP2), ("mobileclip2", MOBILECLIP2), ("openai", OPENAI)]
)
def test_files_of_timm_and_laion(name: str, config: dict[str, Any]) -> None:
    """open_clip_model.safetensors as timm and laion publish it, and a checkpoint under `module.`."""
    model = whole(config)
    write_tensors(Path("open_clip_model.safetensors"), model.state_dict(), ("format", "pt"))
    assert_hold(towers(name, "open_clip_model.safetensors"), model)
    state = {f"module.{key}": value for key, value in model.state_dict().items()}
    torch.save({"epoch": 3, "name": "run", "state_dict": state}, "epoch_3.pt")
    assert_hold(towers(name, "epoch_3.pt"), model)


def test_files_from_before_texts_were_kept_apart() -> None:
    """`text_projection` and others stand without `text.`; so the first SigLIPs and EVA models were saved."""
    model = whole({**OPENAI, "custom_text": True})
    old = {key.removeprefix("text."): value for key, value in model.state_dict().items()}
    write_tensors(Path("old.safetensors"), old, ("format", "pt"))
    assert_hold(towers("apart", "old.safetensors"), model)


# transformers


def clip_of_transformers(**changes: Any) -> Any:  # noqa: ANN401
    """CLIPModel of the size of OPENAI; both ends of its texts have the ids of CLIP's tokenizer."""
    torch.manual_seed(4)
    text = {
        "vocab_size": TEXT["vocab_size"], "hidden_size": 24, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": 12, "bos_token_id": 49406, "eos_token_id": 49407,
        "pad_token_id": 0, **changes,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": VIT["image_size"], "patch_size": VIT["patch_size"], **changes,
    }  # fmt: skip
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    model = transformers.CLIPModel(config).eval()
    for parameter in model.parameters():  # as trained: biases are not zero
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_files_of_transformers_give_what_transformers_gives(
    activation: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The activation stands in config.json beside the file, or, if it is the usual one, nowhere."""
    model = clip_of_transformers(hidden_act=activation)
    model.save_pretrained("published")
    with caplog.at_level(logging.WARNING):
        image, text = towers("openai", "published/model.safetensors")
    assert not caplog.records
    pixels = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (3, 3, 32, 32)).astype(np.uint8))
    tokens = torch.from_numpy(np.stack([text.prepare(one) for one in ("a dog", "two boats on the sea", "x")]))
    with torch.no_grad():
        wanted = model.get_image_features(pixel_values=image.network.scaling(pixels))  # type: ignore[operator]
        wanted_text = model.get_text_features(input_ids=tokens)
        assert torch.allclose(image.network(pixels), wanted.pooler_output, rtol=1e-3, atol=1e-4)
        assert torch.allclose(text.network(tokens), wanted_text.pooler_output, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "patch", "width", "layers", "inner", "heads"),
    [("ViT-B-16-SigLIP2", 16, 768, 12, 3072, 12), ("ViT-SO400M-14-SigLIP2", 14, 1152, 27, 4304, 16)],
)
def test_every_name_of_a_siglip_of_transformers_has_its_place(
    name: str, patch: int, width: int, layers: int, inner: int, heads: int
) -> None:
    """At full size, without numbers, shapes too."""
    config = clip_config(name, Path("configs"))
    size = {"hidden_size": width, "num_hidden_layers": layers, "intermediate_size": inner}
    size["num_attention_heads"] = heads
    picture = {**size, "image_size": 224, "patch_size": patch}
    with torch.device("meta"):
        wanted = _whole(config)
        published = transformers.SiglipModel(
            transformers.SiglipConfig(text_config={**size, "vocab_size": 256000}, vision_config=picture)
        )
    found = in_open_clip_names(published.state_dict(), own_text=True)
    scales = ("logit_scale", "logit_bias")
    assert {key: value.shape for key, value in found.items() if key not in scales} == {
        key: value.shape for key, value in wanted.state_dict().items() if key not in scales
    }


def test_a_siglip_of_transformers_gives_what_transformers_gives() -> None:
    """The picture network of SigLIP in timm, made small; open_clip has it in full size alone."""
    torch.manual_seed(4)
    size = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**size, "vocab_size": 15, "max_position_embeddings": 9, "projection_size": 64}
    picture = {**size, "image_size": 32, "patch_size": 16, "hidden_act": "gelu"}
    published = transformers.SiglipModel(
        transformers.SiglipConfig(text_config=text, vision_config=picture)
    ).eval()
    for parameter in published.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    model = whole(SIGLIP2)
    model.visual.trunk = importlib.import_module("timm").create_model(
        "vit_base_patch16_siglip_224", num_classes=0, img_size=32, embed_dim=64, depth=2, num_heads=2
    )
    found = in_open_clip_names(published.state_dict(), own_text=True)
    model.load_state_dict({key: found[key].reshape(value.shape) for key, value in model.state_dict().items()})
    pixels, tokens = torch.randn(3, 3, 32, 32), torch.randint(1, 15, (3, 9))
    with torch.no_grad():
        images = published.get_image_features(pixel_values=pixels).pooler_output
        texts = published.get_text_features(input_ids=tokens).pooler_output
        assert torch.allclose(model.eval().encode_image(pixels), images, rtol=1e-3, atol=1e-3)
        assert torch.allclose(model.encode_text(tokens), texts, rtol=1e-3, atol=1e-4)


def test_what_is_missing_in_a_file_of_transformers_is_named() -> None:
    clip_of_transformers().save_pretrained("published")
    state = read_tensors(Path("published/model.safetensors"), "")
    del state["vision_model.post_layernorm.weight"]
    write_tensors(Path("published/model.safetensors"), state, ("format", "pt"))
    with pytest.raises(CrosshashError, match=r"- visual\.ln_post\.weight: missing"):
        towers("openai", "published/model.safetensors")
