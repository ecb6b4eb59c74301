"""Models as their publishers lay them out for open_clip: a folder with config, weights and tokenizer."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from crosshash.models.encoders.clip import _whole
from crosshash.models.encoders.clip_settings import open_clip
from crosshash.models.weights.tensors import write_tensors
from tests.models.hf_folders import tokenizer

VIT = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 12, "vocab_size": 49408, "width": 24, "heads": 2, "layers": 2}
OPENAI = {"embed_dim": 16, "vision_cfg": VIT, "text_cfg": TEXT}
SIGLIP2 = {
    "embed_dim": 64,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {"image_size": 160, "timm_model_name": "test_vit", "timm_pool": "map", "timm_proj": "none"},
    "text_cfg": {
        "context_length": 9, "vocab_size": 15, "hf_tokenizer_name": "someone/elsewhere",
        "tokenizer_kwargs": {"clean": "canonicalize"}, "width": 64, "heads": 2, "layers": 2,
        "no_causal_mask": True, "proj_bias": True, "pool_type": "last",
        "norm_kwargs": {"eps": 1e-06}, "act_kwargs": {"approximate": "tanh"},
    },
}  # fmt: skip
MOBILECLIP2 = {
    "embed_dim": 24,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 160,
        "timm_model_name": "test_mambaout",
        "timm_pool": "avg",
        "timm_proj": None,
    },
    "text_cfg": {**TEXT, "no_causal_mask": True},
}
LIKE_SIGLIP2 = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
LIKE_MOBILECLIP2 = {
    "mean": [0.0] * 3,
    "std": [1.0] * 3,
    "interpolation": "bilinear",
    "resize_mode": "shortest",
}
FILE = "open_clip_model.safetensors"


def whole(config: dict[str, Any]) -> Any:  # noqa: ANN401
    """A whole model of open_clip with fresh weights, as somebody has trained it."""
    torch.manual_seed(7)
    return _whole(config).eval()


def save(folder: Path, config: dict[str, Any], preprocess: dict[str, Any] | None) -> Path:
    folder.mkdir(exist_ok=True)
    told = {"model_cfg": config} | ({"preprocess_cfg": {"size": 1, **preprocess}} if preprocess else {})
    (folder / "open_clip_config.json").write_text(json.dumps(told))
    write_tensors(folder / FILE, whole(config).state_dict(), ("format", "pt"))
    if "hf_tokenizer_name" in config["text_cfg"]:
        tokenizer().save_pretrained(folder)
    return folder


def picture(size: tuple[int, int] = (480, 320)) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(file, "png")
    return file.getvalue()


def by_open_clip(folder: Path, raw: bytes, caption: str) -> tuple[torch.Tensor, torch.Tensor]:
    """What open_clip itself gives for a picture and a caption."""
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    read = open_clip.get_tokenizer(f"local-dir:{folder}")
    model.eval()
    with torch.no_grad():
        image = model.encode_image(preprocess(Image.open(io.BytesIO(raw)).convert("RGB"))[None])
        return image, model.encode_text(read([caption]))
