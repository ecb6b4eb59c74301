"""Networks for images alone by name, `timm/...` or `torchvision/alexnet`, and their published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch.hub import download_url_to_file, get_dir

from crosshash.config.encoders.packaged import LITE0, checked_file
from crosshash.config.networks import names_file
from crosshash.errors import CrosshashError
from crosshash.models.encoders.alexnet import CONFIG as ALEXNET_CONFIG
from crosshash.models.encoders.alexnet import NAME as ALEXNET
from crosshash.models.encoders.alexnet import AlexNetEncoder
from crosshash.models.encoders.pixels import Scaling
from crosshash.models.encoders.timm_network import PREFIX as TIMM
from crosshash.models.encoders.timm_network import TimmEncoder, timm_config
from crosshash.models.encoders.torchvision_cure import import_torchvision
from crosshash.models.weights.tensors import Tensors
from crosshash.models.weights.weight_files import download_failed, load_parts, read_state

import_torchvision()
import timm  # noqa: E402 - the cure must come first
from torchvision.models import AlexNet_Weights  # noqa: E402

TAGS = tuple(weights.name for weights in AlexNet_Weights)
FC8 = "classifier.6"
LITE0_CONFIG = {"image_size": 224, "mean": [0.5] * 3, "std": [0.5] * 3, "share": 224 / 256}
"""As its weights want it; another mean, or the picture's rim in view, changes a fifth of the bits."""
LITE0_NETWORK = f"{TIMM}tf_efficientnet_lite0"
"""With TensorFlow's padding; timm's `efficientnet_lite0` takes the weights too, and gives other codes."""


def image_config(name: str, pretrained: str | None) -> dict[str, Any]:
    """Give `image_size` in pixels, `mean` and `std` of a network, of its weights where they are published.

    Raises:
        CrosshashError: no such network, or an unknown tag of weights.
    """
    if name == LITE0:
        return LITE0_CONFIG
    if name.startswith(TIMM):
        return timm_config(name, pretrained)
    if name != ALEXNET:
        raise CrosshashError(
            f"params.yaml: model.image: of torchvision only {ALEXNET} is used, not '{name}'. "
            f"Other networks come from timm, such as {TIMM}{name.partition('/')[2]}."
        )
    if pretrained is not None and not names_file(pretrained) and pretrained not in TAGS:
        raise CrosshashError(
            f"params.yaml: model.pretrained: '{pretrained}' is no file, and torchvision has no such weights "
            f"for '{ALEXNET}'. Known tags: {', '.join(TAGS)}."
        )
    return ALEXNET_CONFIG


def build_image_network(name: str, config: dict[str, Any]) -> AlexNetEncoder | TimmEncoder:
    """Build a network with fresh weights."""
    scaling = Scaling(config["mean"], config["std"])
    if name == ALEXNET:
        return AlexNetEncoder(scaling)
    return TimmEncoder(LITE0_NETWORK if name == LITE0 else name, scaling)


def load_image_weights(network: AlexNetEncoder | TimmEncoder, name: str, pretrained: str | None) -> None:
    """Load published weights, all but those of the classifier.

    pretrained: None for a network that brings its own.

    Raises:
        CrosshashError: a missing file, an unknown tag, no network, or tensors of other names or shapes.
    """
    if pretrained is None:
        path = checked_file(name)
        load_parts([("", network.trunk, _by_order(network.trunk, read_state(path)))], path, name)
        return
    if not names_file(pretrained) and name != ALEXNET:
        network.trunk.load_state_dict(_of_timm(name, pretrained))
        return
    path = Path(pretrained) if names_file(pretrained) else _of_torchvision(pretrained)
    state = read_state(path)
    unused = tuple(f"{layer}." for layer in _classifiers(network.trunk, name))
    kept = {key: value for key, value in state.items() if not key.startswith(unused)}
    load_parts([("", network.trunk, kept)], path, name)


def _classifiers(trunk: Any, name: str) -> tuple[str, ...]:  # noqa: ANN401 - timm names its own
    """Name the layers that give the classes of the published task, which hashing has no use for."""
    if name == ALEXNET:
        return (FC8,)
    named: str | tuple[str, ...] = trunk.pretrained_cfg["classifier"]
    return (named,) if isinstance(named, str) else tuple(named)


def _by_order(trunk: Any, state: Tensors) -> Tensors:  # noqa: ANN401
    """Rename tensors, which stand in the order of the network's own; the classifier's two come last."""
    return dict(zip(trunk.state_dict(), state.values(), strict=False))


def _of_timm(name: str, tag: str) -> Tensors:
    """Fetch a tag's weights into the usual cache of the hub, by timm, which also translates old names."""
    full = f"{name.removeprefix(TIMM)}.{tag}"
    try:
        state: Tensors = timm.create_model(full, pretrained=True, num_classes=0).state_dict()
    except Exception as error:  # every layer of the download has errors of its own
        raise download_failed(name, tag, error) from None
    return state


def _of_torchvision(tag: str) -> Path:
    """Fetch AlexNet's weights into the usual cache of torch, checked by the hash in their name."""
    url: str = AlexNet_Weights[tag].url
    path = Path(get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            download_url_to_file(url, str(path), path.stem.rpartition("-")[2], progress=False)
        except Exception as error:
            raise download_failed(ALEXNET, tag, error) from None
    return path
