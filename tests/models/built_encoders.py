"""One small encoder of every kind, with an input that it reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import Tower, build_towers

CONFIG = json.loads((Path(__file__).resolve().parents[2] / "configs" / "tiny-rn.json").read_text())
WORDS = tuple(f"word{number}" for number in range(60))
VIT = {"image_size": 32, "layers": 5, "width": 48, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 12, "vocab_size": 49408, "width": 24, "heads": 2, "layers": 4}
CAPTIONS = ("a dog", "two dogs run over a field", "", "one", "a very long caption of many words " * 3)


def timm(name: str) -> TowerSpec:
    config = {"image_size": 160, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    return TowerSpec("image", f"timm/{name}", config=config)


def clip(**parts: Any) -> TowerSpec:  # noqa: ANN401
    return TowerSpec("clip", "other", config={"embed_dim": 40, "vision_cfg": VIT, "text_cfg": TEXT, **parts})


BAG = TowerSpec("bow", "bow", 16, vocabulary=WORDS)
SPECS = {
    "tiny-rn": TowerSpec("clip", "tiny-rn", config=CONFIG),
    "vit": clip(),
    "vit of one block": clip(vision_cfg={**VIT, "layers": 1}),
    "vit of two blocks, averaged": clip(vision_cfg={**VIT, "layers": 2, "pool_type": "avg"}),
    "timm within open_clip": clip(
        vision_cfg={"timm_model_name": "test_vit", "timm_pool": "token", "image_size": 160}
    ),
    "text alone": clip(custom_text=True),
    "text with class token": clip(custom_text=True, text_cfg={**TEXT, "embed_cls": True}),
    "timm/test_resnet": timm("test_resnet"),
    "timm/test_vit": timm("test_vit"),
    "timm/test_efficientnet": timm("test_efficientnet"),
    "timm/test_mambaout": timm("test_mambaout"),
    "mlp": TowerSpec("mlp", "mlp", 16, 7, layers=4),
    "mlp of six layers": TowerSpec("mlp", "mlp", 16, 7, layers=6),
    "bow": TowerSpec("bow", "bow", 16, vocabulary=WORDS, layers=4),
    "bow-multiscale": TowerSpec("bow", "bow-multiscale", vocabulary=WORDS),
}
IMAGES = [name for name, spec in SPECS.items() if spec.kind != "bow" and not name.startswith("text")]
TEXTS = ["tiny-rn", "text alone", "text with class token", "bow", "bow-multiscale"]
ALL = [("image", name) for name in IMAGES] + [("text", name) for name in TEXTS]


def build(modality: str, name: str, seed: int = 0) -> Tower:
    torch.manual_seed(seed)
    spec = SPECS[name]
    if modality == "image":
        return build_towers(spec, BAG)[0]
    return build_towers(spec if spec.kind == "clip" else TowerSpec("mlp", "mlp", 4, 3), spec)[1]


def inputs(modality: str, name: str, items: int = 5) -> Tensor:
    """Items that differ: noise of different strength, captions of different length."""
    spec, generator = SPECS[name], np.random.default_rng(0)
    if spec.kind == "mlp":
        return torch.from_numpy(generator.normal(0, 1, (items, spec.dim)).astype(np.float32))
    if spec.kind == "bow":
        return torch.from_numpy((generator.random((items, len(WORDS))) < 0.2).astype(np.float32))
    if modality == "text":
        read = build(modality, name).prepare
        return torch.from_numpy(np.stack([read(CAPTIONS[item % len(CAPTIONS)]) for item in range(items)]))
    config = spec.config or {}
    size = config["image_size"] if spec.kind == "image" else config["vision_cfg"]["image_size"]
    tops = np.linspace(64, 256, items).astype(int)
    pictures = [generator.integers(0, top, (3, size, size)) for top in tops]
    return torch.from_numpy(np.stack(pictures).astype(np.uint8))
