"""Published CLIP weights: found by tag or file, their activation settled first, never unpickled."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crosshash.errors import CrosshashError, listed
from crosshash.models.clip import QUICK, SCALES, ClipTowers, Config, open_clip
from crosshash.models.tensors import Tensors, read_note, read_tensors, write_tensors

OPENAI_EXTRAS = ("input_resolution", "context_length", "vocab_size")
NOTE = "activation"
SUFFIX = ".safetensors"
REMEDY = "model.pretrained takes a tag (openai) or the path of a whole weight file."
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
    if not _names_file(pretrained):
        return bool(_tag_config(name, pretrained).get("quick_gelu", False))
    if path.suffix != SUFFIX:
        state = _read_state(path)
        return True if all(key in state for key in OPENAI_EXTRAS) else None
    activation = read_note(path, REMEDY, NOTE)
    return None if activation is None else activation == "quick_gelu"


def load_weights(towers: ClipTowers, name: str, pretrained: str) -> None:
    """Load weights of a whole open_clip model into its two towers.

    Raises:
        CrosshashError: a missing file, an unknown tag, no network, or tensors of other names or shapes.
    """
    path = Path(pretrained) if _names_file(pretrained) else _download(name, pretrained)
    state = {key: value for key, value in _read_state(path).items() if key not in (*OPENAI_EXTRAS, *SCALES)}
    visual = {key.removeprefix("visual."): value for key, value in state.items() if key.startswith("visual.")}
    text = {key: value for key, value in state.items() if not key.startswith("visual.")}
    parts = [
        (prefix, network, _without_made(network, part))
        for prefix, network, part in (("visual.", towers.image.visual, visual), ("", towers.text.clip, text))
    ]
    problems = [problem for prefix, network, part in parts for problem in _misfits(network, part, prefix)]
    if problems:
        raise CrosshashError(f"{path}: does not fit the model '{name}':\n{listed(sorted(problems))}")
    for _, network, part in parts:
        network.load_state_dict(part)


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
    _check_there(source)
    try:
        state = torch.jit.load(str(source), map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise CrosshashError(
            f"{source}: is not a TorchScript archive ({_first_line(error)}). Only OpenAI's own .pt files "
            "need this command; other files go into model.pretrained as they are."
        ) from None
    tensors = {key: value.clone() for key, value in state.items() if key not in OPENAI_EXTRAS}
    write_tensors(target, tensors, (NOTE, "quick_gelu"))
    return len(tensors)


def _names_file(pretrained: str) -> bool:
    """Tell a path from a tag: no tag of open_clip has a dot or a slash."""
    return "." in pretrained or "/" in pretrained


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise CrosshashError(f"{path}: not found. {REMEDY}")


def _read_state(path: Path) -> Tensors:
    """Read all tensors of a weight file."""
    if path.suffix == SUFFIX:
        return read_tensors(path, REMEDY)
    _check_there(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        return {
            key.removeprefix("module."): value for key, value in state.items() if isinstance(value, Tensor)
        }
    except Exception as error:  # torch raises many kinds here, all of them "not a plain dict of tensors"
        raise CrosshashError(
            f"{path}: cannot be read as plain weights ({_first_line(error)}). If it is OpenAI's own "
            f"archive, run `crosshash weights convert {path} {path.with_suffix(SUFFIX)}` once."
        ) from None


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
        raise CrosshashError(
            f"params.yaml: model.pretrained: the weights '{tag}' of '{name}' could not be downloaded "
            f"({type(error).__name__}: {_first_line(error)}). Give model.pretrained the path of a local file."
        ) from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _without_made(network: torch.nn.Module, state: Tensors) -> Tensors:
    """Leave out buffers that the network makes itself; TorchScript archives hold them too."""
    made = {name for name, _ in network.named_buffers()} - network.state_dict().keys()
    return {key: value for key, value in state.items() if key not in made}


def _misfits(network: torch.nn.Module, state: Tensors, prefix: str) -> list[str]:
    """Compare names and shapes before anything is loaded."""
    own = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    problems = [f"{prefix}{key}: missing" for key in own.keys() - given.keys()]
    problems += [f"{prefix}{key}: not part of the model" for key in given.keys() - own.keys()]
    problems += [
        f"{prefix}{key}: shape {given[key]}, the model has {own[key]}"
        for key in own.keys() & given.keys()
        if own[key] != given[key]
    ]
    return problems
