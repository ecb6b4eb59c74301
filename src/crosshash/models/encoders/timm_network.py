"""Image networks of timm by name, such as `timm/resnet34`: pooled features, and their four depths."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from crosshash.config.networks import names_file
from crosshash.errors import CrosshashError
from crosshash.models.encoders.levels import Encoder, Levels, Widths, evenly, map_mean, tapped, token_mean
from crosshash.models.encoders.pixels import Scaling
from crosshash.models.encoders.torchvision_cure import import_torchvision

import_torchvision()
import timm  # noqa: E402 - the cure must come first
from timm.models import get_arch_pretrained_cfgs  # noqa: E402

PREFIX = "timm/"
Shallow = tuple[Tensor, Tensor, Tensor]
Depth = dict[str, Any]


class TimmEncoder(Encoder):
    """uint8[B, 3, S, S] pixels -> float[B, D], the features in front of timm's classifier."""

    trunk: Any

    def __init__(self, name: str, scaling: Scaling) -> None:
        super().__init__()
        self.scaling = scaling
        self.trunk = timm.create_model(name.removeprefix(PREFIX), pretrained=False, num_classes=0)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster

    @property
    def dim(self) -> int:
        """Width of the embedding."""
        return int(getattr(self.trunk, "head_hidden_size", None) or self.trunk.num_features)

    @property
    def level_dims(self) -> Widths:
        """Widths of three depths and of the embedding.

        Raises:
            CrosshashError: the network has no four depths to show.
        """
        return (*trunk_dims(self.trunk), self.dim)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        embedding: Tensor = self.trunk(self.scaling(pixels))
        return embedding

    def levels(self, pixels: Tensor) -> Levels:
        """Give three pooled depths and the embedding."""
        shallow, embedding = trunk_levels(self.trunk, self.scaling(pixels))
        return (*shallow, embedding)


def timm_config(name: str, pretrained: str | None) -> dict[str, Any]:
    """Give input size, mean and deviation of a network, those of the weights where `pretrained` is a tag.

    Raises:
        CrosshashError: no such network or tag, or one that does not read square pictures of three channels.
    """
    architecture = name.removeprefix(PREFIX)
    if "." in architecture or not timm.is_model(architecture):
        close = get_close_matches(architecture.partition(".")[0], timm.list_models(), 5)
        raise CrosshashError(
            f"params.yaml: model.image: '{name}' is no network of timm (close to it: "
            f"{', '.join(PREFIX + known for known in close) or 'none'}). The tag of its weights, if any, "
            "belongs into model.pretrained."
        )
    known = {key.partition(".")[2]: config for key, config in get_arch_pretrained_cfgs(architecture).items()}
    config: Any = timm.get_pretrained_cfg(architecture)
    if pretrained is not None and not names_file(pretrained):
        if pretrained not in known:
            raise CrosshashError(
                f"params.yaml: model.pretrained: '{pretrained}' is no file, and timm has no such weights for "
                f"'{name}'. Known tags: {', '.join(known) or 'none'}."
            )
        config = known[pretrained]
    channels, height, width = config.input_size
    if channels != 3 or height != width:
        raise CrosshashError(
            f"params.yaml: model.image: '{name}' reads {channels} x {height} x {width} numbers, not square "
            "pictures of three channels. Use another network."
        )
    return {"image_size": width, "mean": list(config.mean), "std": list(config.std)}


def trunk_dims(trunk: nn.Module) -> tuple[int, int, int]:
    """Widths of what `trunk_levels` gives in front of the features.

    Raises:
        CrosshashError: the network has no four depths to show.
    """
    stages, blocks = _depths(trunk)
    first, second, third = (int(depth["num_chs"]) for depth in stages or blocks)
    return first, second, third


def trunk_levels(trunk: nn.Module, pictures: Tensor) -> tuple[Shallow, Tensor]:
    """Three pooled depths and the pooled features of one pass of a timm network.

    Networks that shrink the picture in stages (ResNet) give the three before the last stage, averaged over
    the picture; the last one averaged is their embedding. Others (ViT) give what enters three evenly spaced
    blocks, the first being the embedded patches, averaged over the tokens.

    Raises:
        CrosshashError: the network has no four depths to show.
    """
    stages, blocks = _depths(trunk)
    if stages:
        last, maps = trunk.forward_intermediates(pictures)  # type: ignore[operator]
        features: Tensor = trunk.forward_head(last)  # type: ignore[operator]
        first, second, third = map(map_mean, maps[-4:-1])
        return (first, second, third), features
    with tapped([trunk.get_submodule(block["module"]) for block in blocks], token_mean) as found:
        features = trunk(pictures)
    first, second, third = found
    if any(
        level.shape != (len(pictures), depth["num_chs"]) for level, depth in zip(found, blocks, strict=True)
    ):
        raise _no_depths(trunk)  # blocks of something else than plain tokens
    return (first, second, third), features


def _depths(trunk: nn.Module) -> tuple[list[Depth], list[Depth]]:
    """Choose three stages, or else three blocks, as timm describes them: `num_chs`, `reduction`, `module`."""
    found: Any = getattr(trunk, "feature_info", [])
    depths: list[Depth] = found.get_dicts() if hasattr(found, "get_dicts") else list(found)
    shrinks = len({depth["reduction"] for depth in depths})
    if shrinks >= 4 and hasattr(trunk, "forward_intermediates"):
        return depths[-4:-1], []
    if shrinks == 1 and len(depths) >= 3:
        return [], [depths[index] for index in evenly(len(depths))]
    raise _no_depths(trunk)


def _no_depths(trunk: nn.Module) -> CrosshashError:
    return CrosshashError(
        f"params.yaml: model.image: {type(trunk).__name__} of timm has no four depths to show, which this "
        "method looks at. Use another network, such as timm/resnet34."
    )
