"""Image and text towers of open_clip, built from a config alone or with published weights."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError
from crosshash.models.levels import Encoder
from crosshash.models.torchvision_cure import import_torchvision

import_torchvision()
import open_clip as open_clip  # noqa: E402 - the cure must come first

QUICK = "-quickgelu"
SCALES = ("logit_scale", "logit_bias")
"""Parameters of a CLIP model that belong to its contrastive loss, not to either tower."""
Config = dict[str, Any]


@dataclass(frozen=True)
class ClipTowers:
    """The two networks of one open_clip model, and how raw values become their inputs."""

    image: ImageTower
    text: TextTower
    dim: int
    prepare_image: Callable[[bytes], np.ndarray]
    prepare_text: Callable[[str], np.ndarray]


class ImageTower(Encoder):
    """uint8[B, 3, S, S] pixels -> float[B, D], scaled by the mean and deviation of CLIP's training."""

    visual: nn.Module
    mean: Tensor
    std: Tensor

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        self.visual = visual
        for name, values in (("mean", open_clip.OPENAI_DATASET_MEAN), ("std", open_clip.OPENAI_DATASET_STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1) * 255, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        embedding: Tensor = self.visual((pixels.float() - self.mean) / self.std)
        return embedding


class TextTower(Encoder):
    """int64[B, L] tokens -> float[B, D]."""

    clip: nn.Module

    def __init__(self, clip: nn.Module) -> None:
        super().__init__()
        del clip.visual
        for name in SCALES:  # they take no part: parameters without gradient would mislead
            setattr(clip, name, None)
        self.clip = clip

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed tokens."""
        embedding: Tensor = self.clip.encode_text(tokens)  # type: ignore[operator]
        return embedding


def clip_config(name: str, configs: Path) -> Config:
    """Give an open_clip model's config: `configs/<name>.json`, or one that open_clip knows.

    Raises:
        CrosshashError: no such model.
    """
    if (configs / f"{name}.json").is_file():
        own: Config = read_json(configs / f"{name}.json")
        return own
    known: Config | None = open_clip.get_model_config(name)
    if known is None:
        own_names = sorted(path.stem for path in configs.glob("*.json"))
        raise CrosshashError(
            f"params.yaml: model: '{name}' is neither a file of {configs}/ ({', '.join(own_names)}) "
            f"nor a model of open_clip (such as ViT-B-32). List those with open_clip.list_models()."
        )
    return known


def build_clip(config: Config, name: str, resize: Literal["squash", "crop"]) -> ClipTowers:
    """Build both towers from a config, with fresh weights.

    resize: how a picture becomes square, `squash` (everything stays in view) or `crop` (CLIP's own way).

    Raises:
        CrosshashError: the model is none of two separate towers.
    """
    if "multimodal_cfg" in config:
        raise CrosshashError(
            f"params.yaml: model: '{name}' mixes image and text, so that neither can be encoded alone. "
            "Use a model of two towers, such as ViT-B-32."
        )
    kind = open_clip.CustomTextCLIP if config.get("custom_text") else open_clip.CLIP
    clip = kind(**{key: value for key, value in config.items() if key != "custom_text"})
    image = ImageTower(clip.visual).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster
    text = TextTower(clip)
    size = config["vision_cfg"]["image_size"]
    return ClipTowers(image, text, config["embed_dim"], image_reader(size, resize), text_reader(config, name))


def image_reader(size: int, resize: Literal["squash", "crop"]) -> Callable[[bytes], np.ndarray]:
    """Make the function that turns the bytes of a picture into uint8[3, size, size]."""

    def prepare(raw: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(raw)) as picture:
            picture.draft("RGB", (size, size))  # lets the JPEG decoder skip detail that the resize would drop
            rgb = picture.convert("RGB")
        if resize == "crop":
            side = min(rgb.size)
            left, top = (rgb.width - side) // 2, (rgb.height - side) // 2
            rgb = rgb.crop((left, top, left + side, top + side))
        if rgb.size != (size, size):
            rgb = rgb.resize((size, size), Image.Resampling.BICUBIC)
        return np.ascontiguousarray(np.asarray(rgb).transpose(2, 0, 1))

    return prepare


def text_reader(config: Config, name: str) -> Callable[[str], np.ndarray]:
    """Make the function that turns a caption into int64[L] tokens."""
    text_config = config["text_cfg"]
    if "hf_tokenizer_name" in text_config or "tokenizer_kwargs" in text_config:
        tokenizer = open_clip.get_tokenizer(name)
    else:
        tokenizer = open_clip.SimpleTokenizer(context_length=text_config.get("context_length", 77))

    def prepare(caption: str) -> np.ndarray:
        tokens: np.ndarray = tokenizer([caption])[0].numpy()
        return tokens

    return prepare
