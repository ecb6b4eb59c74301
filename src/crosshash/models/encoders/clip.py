"""Image and text towers of open_clip, built from a config alone or with published weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.models.encoders.clip_settings import DEFAULT, PREPROCESS, Config, open_clip
from crosshash.models.encoders.clip_tokens import text_reader
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
from crosshash.models.encoders.pixels import Scaling
from crosshash.models.encoders.timm_network import trunk_dims, trunk_levels
from crosshash.models.weights.weight_files import first_line
from crosshash.readers.pictures import Resize, image_reader

ModifiedResNet, TimmModel = open_clip.modified_resnet.ModifiedResNet, open_clip.timm_model.TimmModel
SCALES = ("logit_scale", "logit_bias")
"""Parameters of a CLIP model that belong to its contrastive loss, not to either tower."""


@dataclass(frozen=True)
class ClipTowers:
    """The two networks of one open_clip model, and how raw values become their inputs."""

    image: ImageTower
    text: TextTower
    dim: int
    prepare_image: Callable[[bytes], np.ndarray]
    prepare_text: Callable[[str], np.ndarray]


class ImageTower(Encoder):
    """uint8[B, 3, S, S] pixels -> float[B, D], scaled by the mean and deviation of its training."""

    visual: Any

    def __init__(self, visual: nn.Module, dim: int, scaling: Scaling) -> None:
        super().__init__()
        self.visual = visual
        self.dim = dim
        self.scaling = scaling

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
        """Widths of three depths and of the embedding.

        Raises:
            CrosshashError: the network has no four depths to show.
        """
        if not hasattr(self._inner.transformer, "resblocks"):
            raise CrosshashError(
                "params.yaml: model.text: this network of open_clip's shows no four depths, which "
                "this method looks at. Use another network, such as hf/<folder or name>."
            )
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
    trained = config.get(PREPROCESS, DEFAULT)
    clip = _whole(config)
    image = ImageTower(clip.visual, config["embed_dim"], Scaling(trained["mean"], trained["std"]))
    image.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster
    text = TextTower(clip, config["embed_dim"])
    read_image = image_reader(config["vision_cfg"]["image_size"], resize, trained["interpolation"])
    return ClipTowers(image, text, config["embed_dim"], read_image, text_reader(config))


def _whole(config: Config) -> Any:  # noqa: ANN401 - open_clip has no types
    """Build the whole model with fresh weights; parts of it would fetch their own otherwise."""
    apart = config.get("custom_text") or "hf_model_name" in config["text_cfg"]
    kind = open_clip.CustomTextCLIP if apart else open_clip.CLIP
    vision, text = dict(config["vision_cfg"]), dict(config["text_cfg"])
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    if "hf_model_name" in text:
        text["hf_model_pretrained"] = False
    rest = {key: value for key, value in config.items() if key not in ("custom_text", PREPROCESS)}
    try:
        return kind(**{**rest, "vision_cfg": vision, "text_cfg": text})
    except OSError as error:  # transformers fetches the description of its part
        raise CrosshashError(
            f"params.yaml: model: '{text.get('hf_model_name')}' could not be fetched: {first_line(error)}"
        ) from None


def _residual_points(blocks: Sequence[Any], final_norm: nn.Module) -> list[nn.Module]:
    """Choose three layer norms, evenly spaced: what enters one is the sum of all that came before it.

    Each block holds two, in front of its attention and of its MLP, so that a single block has three depths:
    what it is given (the embedded tokens), what attention adds, and what the MLP adds.
    """
    norms = [norm for block in blocks for norm in (block.ln_1, block.ln_2)] + [final_norm]
    return [norms[index] for index in evenly(len(norms))]
