"""Image and text towers of open_clip, built from a config alone or with published weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError
from crosshash.models.encoders.levels import (
    Encoder,
    Levels,
    Pool,
    Widths,
    evenly,
    map_mean,
    tapped,
    token_mean,
)
from crosshash.models.encoders.pixels import Resize, Scaling, image_reader
from crosshash.models.encoders.timm_network import trunk_dims, trunk_levels
from crosshash.models.encoders.torchvision_cure import import_torchvision

import_torchvision()
import open_clip as open_clip  # noqa: E402 - the cure must come first
from open_clip.modified_resnet import ModifiedResNet  # noqa: E402
from open_clip.timm_model import TimmModel  # noqa: E402

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

    visual: Any

    def __init__(self, visual: nn.Module, dim: int) -> None:
        super().__init__()
        self.visual = visual
        self.dim = dim
        self.scaling = Scaling(open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)

    @property
    def level_dims(self) -> Widths:
        """Widths of three depths and of the embedding.

        Raises:
            CrosshashError: the network has no four depths to show.
        """
        if isinstance(self.visual, TimmModel):
            return (*trunk_dims(self.visual.trunk), self.dim)
        if isinstance(self.visual, ModifiedResNet):
            stages = (self.visual.layer1, self.visual.layer2, self.visual.layer3)
            first, second, third = (stage[-1].bn3.num_features for stage in stages)
            return first, second, third, self.dim
        width = self.visual.transformer.width
        return width, width, width, self.dim

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        embedding: Tensor = self.visual(self.scaling(pixels))
        return embedding

    def levels(self, pixels: Tensor) -> Levels:
        """Give three pooled depths, stages of a ResNet or blocks of a transformer, and the embedding."""
        pictures = self.scaling(pixels)
        if isinstance(self.visual, TimmModel):
            shallow, features = trunk_levels(self.visual.trunk, pictures)
            return (*shallow, self.visual.head(features))
        if isinstance(self.visual, ModifiedResNet):
            pool: Pool = map_mean
            points = [self.visual.layer2, self.visual.layer3, self.visual.layer4]
        else:
            pool = token_mean
            points = _residual_points(self.visual.transformer.resblocks, self.visual.ln_post)
        with tapped(points, pool) as found:
            embedding: Tensor = self.visual(pictures)
        first, second, third = found
        return first, second, third, embedding


class TextTower(Encoder):
    """int64[B, L] tokens -> float[B, D]."""

    clip: nn.Module

    def __init__(self, clip: nn.Module, dim: int) -> None:
        super().__init__()
        del clip.visual
        for name in SCALES:  # they take no part: parameters without gradient would mislead
            setattr(clip, name, None)
        self.clip = clip
        self.dim = dim

    @property
    def level_dims(self) -> Widths:
        """Widths of three depths and of the embedding."""
        width = self._inner.transformer.width
        return width, width, width, self.dim

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed tokens."""
        embedding: Tensor = self.clip.encode_text(tokens)  # type: ignore[operator]
        return embedding

    def levels(self, tokens: Tensor) -> Levels:
        """Give three depths, averaged over the tokens up to the end of the text, and the embedding."""
        inner = self._inner
        words = (tokens != getattr(inner, "pad_id", 0)).long()
        reached = (
            words.flip(1).cumsum(1).flip(1).clamp(max=1)[:, :, None]
        )  # 1 up to the last that is no padding
        points = _residual_points(inner.transformer.resblocks, inner.ln_final)

        def pool(inside: Tensor) -> Tensor:
            return (inside[:, : tokens.shape[1]].float() * reached).sum(1) / reached.sum(1)

        with tapped(points, pool) as found:
            embedding = self(tokens)
        first, second, third = found
        return first, second, third, embedding

    @property
    def _inner(self) -> Any:  # noqa: ANN401 - CLIP itself, or the text network that it holds
        return getattr(self.clip, "text", self.clip)


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


def build_clip(config: Config, name: str, resize: Resize) -> ClipTowers:
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
    image = ImageTower(clip.visual, config["embed_dim"]).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster
    text = TextTower(clip, config["embed_dim"])
    size = config["vision_cfg"]["image_size"]
    return ClipTowers(image, text, config["embed_dim"], image_reader(size, resize), text_reader(config, name))


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


def _residual_points(blocks: Sequence[Any], final_norm: nn.Module) -> list[nn.Module]:
    """Choose three layer norms, evenly spaced: what enters one is the sum of all that came before it.

    Each block holds two, in front of its attention and of its MLP, so that a single block has three depths:
    what it is given (the embedded tokens), what attention adds, and what the MLP adds.
    """
    norms = [norm for block in blocks for norm in (block.ln_1, block.ln_2)] + [final_norm]
    return [norms[index] for index in evenly(len(norms))]
