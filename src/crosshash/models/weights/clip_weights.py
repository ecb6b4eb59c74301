"""Published CLIP weights: found by tag or file, their activation settled first, never unpickled."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from crosshash.config.encoders.clip_folder import WEIGHTS, clip_folder, clip_weights
from crosshash.config.networks import names_file
from crosshash.errors import CrosshashError
from crosshash.models.encoders.clip import SCALES, ClipTowers
from crosshash.models.encoders.clip_settings import QUICK, Config, from_hub, open_clip
from crosshash.models.weights.clip_layouts import in_open_clip_names, transformers_quick_gelu
from crosshash.models.weights.tensors import Tensors, read_note, write_tensors
from crosshash.models.weights.weight_files import (
    REMEDY,
    SUFFIX,
    check_there,
    download_failed,
    first_line,
    load_parts,
    read_state,
)

OPENAI_EXTRAS = ("input_resolution", "context_length", "vocab_size")
NOTE = "activation"
logger = logging.getLogger(__name__)


def with_activation(config: Config, name: str, pretrained: str | None) -> Config:
    """Give the config with the activation that the weights were trained with.

    A plain model name takes whatever the weights want; a name ending in `-quickgelu` insists.

    Raises:
        CrosshashError: the name insists on QuickGELU and the weights were trained without it.
    """
    if pretrained is None:
        return config
    wanted = bool(config.get("quick_gelu", False))
    trained = weights_quick_gelu(name, pretrained)
    if trained is None:
        logger.warning(
            "warning: %s does not say which activation it was trained with; the model %s uses %s",
            *(pretrained, name, "QuickGELU" if wanted else f"GELU (with QuickGELU it is {name}{QUICK})"),
        )
        return config
    if wanted and not trained:
        raise CrosshashError(
            f"params.yaml: model: '{name}' uses QuickGELU, but the weights '{pretrained}' were trained with "
            f"GELU; their codes would be wrong. Use model '{name.removesuffix(QUICK)}'."
        )
    if trained and not wanted:
        logger.info("the weights %s were trained with QuickGELU: it is switched on", pretrained)
    return {**config, "quick_gelu": True} if trained else config


def weights_quick_gelu(name: str, pretrained: str) -> bool | None:
    """Tell whether weights want QuickGELU; None when a file does not say, so that the name decides.

    Raises:
        CrosshashError: a missing or damaged file, or an unknown tag.
    """
    path = Path(pretrained)
    if not names_file(pretrained):
        return bool(_tag_config(name, pretrained).get("quick_gelu", False))
    check_there(path)
    activation = read_note(path, REMEDY, NOTE) if path.suffix == SUFFIX else None
    if activation is not None:
        return activation == "quick_gelu"
    state = read_state(path)
    if path.suffix != SUFFIX and all(key in state for key in OPENAI_EXTRAS):
        return True
    told = transformers_quick_gelu(path, state)
    return False if told is None and _never_quick(name) else told


def load_weights(towers: ClipTowers, name: str, pretrained: str | None) -> None:
    """Load weights of a whole open_clip model into its two towers.

    pretrained: a tag or a file; None for a model whose weights lie beside its config.

    Raises:
        CrosshashError: a missing file, an unknown tag, no network, or tensors of other names or shapes.
    """
    path = weight_path(name, pretrained)
    found = in_open_clip_names(read_state(path), hasattr(towers.text.clip, "text"), path)
    state = {key: value for key, value in found.items() if key not in (*OPENAI_EXTRAS, *SCALES)}
    visual = {key.removeprefix("visual."): value for key, value in state.items() if key.startswith("visual.")}
    text = {key: value for key, value in state.items() if not key.startswith("visual.")}
    image_network, text_network = towers.image.visual, towers.text.clip
    parts = [
        ("visual.", image_network, _without_made(image_network, visual)),
        ("", text_network, _without_made(text_network, text)),
    ]
    load_parts(parts, path, name)


def weight_path(name: str, pretrained: str | None) -> Path:
    """Give the file of weights: of a tag, of a folder, or the one that is named.

    Raises:
        CrosshashError: an unknown tag, no network, or a folder without weights.
    """
    if pretrained is not None:
        return Path(pretrained) if names_file(pretrained) else _download(name, pretrained)
    folder = clip_folder(name)
    if folder is not None:
        return clip_weights(folder) or folder / WEIGHTS[0]
    for file in WEIGHTS[:-1]:
        with suppress(CrosshashError):
            return from_hub(name, file)
    return from_hub(name, WEIGHTS[-1])


def convert_openai(source: Path, target: Path) -> int:
    """Turn OpenAI's TorchScript archive into safetensors; gives the number of tensors.

    TorchScript archives hold code beside the weights. This is the one place that opens such a file, at the
    user's word that it is trusted; nothing of it is run but the reading of its tensors.

    Raises:
        CrosshashError: the file is missing or no TorchScript archive, or the target is no .safetensors file.
    """
    if target.suffix != SUFFIX:
        raise CrosshashError(
            f"{target}: the file to write has to end in {SUFFIX}, by which it is known later."
        )
    check_there(source)
    try:
        state = torch.jit.load(str(source), map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise CrosshashError(
            f"{source}: is not a TorchScript archive ({first_line(error)}). Only OpenAI's own .pt files "
            "need this command; other files go into model.pretrained as they are."
        ) from None
    tensors = {key: value.clone() for key, value in state.items() if key not in OPENAI_EXTRAS}
    write_tensors(target, tensors, (NOTE, "quick_gelu"))
    return len(tensors)


def _never_quick(name: str) -> bool:
    """Tell whether there are published weights of a model, and none wants QuickGELU."""
    tags = open_clip.list_pretrained_tags_by_model(name)
    return bool(tags) and not any(_tag_config(name, tag).get("quick_gelu", False) for tag in tags)


def _tag_config(name: str, tag: str) -> dict[str, Any]:
    known = open_clip.get_pretrained_cfg(name, tag)
    if not known:
        tags = open_clip.list_pretrained_tags_by_model(name.removesuffix(QUICK))
        raise CrosshashError(
            f"params.yaml: model.pretrained: '{tag}' is no file, and open_clip has no such weights for "
            f"'{name}'. Known tags: {', '.join(tags) or 'none'}."
        )
    return dict(known)


def _download(name: str, tag: str) -> Path:
    """Fetch a tag's weights into the usual cache of open_clip."""
    config = _tag_config(name, tag)
    try:
        return Path(open_clip.download_pretrained(config))
    except Exception as error:  # every layer of the download has errors of its own
        raise download_failed(name, tag, error) from None


def _without_made(network: torch.nn.Module, state: Tensors) -> Tensors:
    """Leave out buffers that the network makes itself; TorchScript archives hold them too."""
    made = {name for name, _ in network.named_buffers()} - network.state_dict().keys()
    return {key: value for key, value in state.items() if key not in made}
