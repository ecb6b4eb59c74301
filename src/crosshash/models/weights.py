"""Published CLIP weights: found by tag or file, their activation settled before they are loaded, never unpickled."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from crosshash.artifacts import atomic_path
from crosshash.errors import CrosshashError, listed
from crosshash.models.clip import QUICK, ClipTowers, Config, open_clip

OPENAI_EXTRAS = ("input_resolution", "context_length", "vocab_size")
logger = logging.getLogger(__name__)


def with_activation(config: Config, name: str, pretrained: str | None) -> Config:
    """Give the config with the activation that the weights were trained with.

    A plain model name takes whatever the weights want; a name ending in `-quickgelu` insists.

    Raises:
        CrosshashError: the name insists on QuickGELU and the weights were trained without it.
    """
    wanted = bool(config.get("quick_gelu", False))
    trained = wanted if pretrained is None else weights_quick_gelu(name, pretrained)
    if trained is None or trained == wanted:
        return config
    if wanted:
        raise CrosshashError(
            f"params.yaml: model '{name}' uses QuickGELU, but the weights '{pretrained}' were trained with GELU; "
            f"their codes would be wrong. Use model '{name.removesuffix(QUICK)}'."
        )
    logger.info("the weights %s were trained with QuickGELU: it is switched on", pretrained)
    return {**config, "quick_gelu": True}


def weights_quick_gelu(name: str, pretrained: str) -> bool | None:
    """Tell whether weights want QuickGELU; None when a file does not say, so that the model's name decides."""
    path = Path(pretrained)
    if not _is_file_name(path):
        return bool(_tag_config(name, pretrained).get("quick_gelu", False))
    if path.suffix != ".safetensors":
        state = _read_state(path)
        return True if all(key in state for key in OPENAI_EXTRAS) else None
    with _open_safetensors(path) as file:
        activation = (file.metadata() or {}).get("activation")
    return None if activation is None else activation == "quick_gelu"


def load_weights(towers: ClipTowers, name: str, pretrained: str) -> None:
    """Load weights of a whole open_clip model into its two towers.

    Raises:
        CrosshashError: a missing file, an unknown tag, no network, or tensors of other names or shapes.
    """
    path = Path(pretrained)
    if not _is_file_name(path):
        path = _download(name, pretrained)
    state = {key: value for key, value in _read_state(path).items() if key not in OPENAI_EXTRAS}
    state.pop("logit_scale", None)
    visual = {key.removeprefix("visual."): value for key, value in state.items() if key.startswith("visual.")}
    text = {key: value for key, value in state.items() if not key.startswith("visual.")}
    for network, part in ((towers.image.visual, visual), (towers.text.clip, text)):
        assert isinstance(network, torch.nn.Module)  # for the type checker: Module attributes are a union
        _check_fits(network, part, path, name)
        network.load_state_dict(part)


def convert_openai(source: Path, target: Path) -> int:
    """Turn OpenAI's TorchScript archive into safetensors; gives the number of tensors.

    TorchScript archives hold code beside the weights. This is the one place that opens such a file, at the
    user's word that it is trusted; nothing of it is run but the reading of its tensors.

    Raises:
        CrosshashError: the file is missing or no TorchScript archive.
    """
    _check_there(source)
    try:
        state = torch.jit.load(str(source), map_location="cpu").state_dict()
    except (RuntimeError, ValueError) as error:
        raise CrosshashError(
            f"{source}: is not a TorchScript archive ({str(error).splitlines()[0]}). Only OpenAI's own .pt files "
            "need this command; other files go into model.pretrained as they are."
        ) from None
    tensors = {key: value.contiguous().clone() for key, value in state.items() if key not in OPENAI_EXTRAS}
    with atomic_path(target) as temporary:
        save_file(tensors, temporary, metadata={"activation": "quick_gelu", "source": source.name})
    return len(tensors)


def _is_file_name(path: Path) -> bool:
    return path.suffix in {".safetensors", ".pt", ".pth", ".bin"} or path.is_file()


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise CrosshashError(
            f"{path}: not found. model.pretrained takes a tag (openai) or a weight file's path."
        )


def _open_safetensors(path: Path) -> Any:  # noqa: ANN401 - safetensors has no types
    _check_there(path)
    try:
        return safe_open(str(path), framework="pt", device="cpu")
    except SafetensorError as error:
        raise CrosshashError(f"{path}: is not a whole safetensors file ({error}). Fetch it again.") from None


def _read_state(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a weight file."""
    if path.suffix == ".safetensors":
        with _open_safetensors(path) as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    _check_there(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here, all of them "not a plain dict of tensors"
        raise CrosshashError(
            f"{path}: cannot be read as plain weights ({str(error).splitlines()[0]}). If it is OpenAI's own "
            f"archive, run `crosshash weights convert {path} {path.with_suffix('.safetensors')}` once."
        ) from None
    state = state.get("state_dict", state)
    return {key.removeprefix("module."): value for key, value in state.items()}


def _tag_config(name: str, tag: str) -> dict[str, Any]:
    known = open_clip.get_pretrained_cfg(name, tag)
    if not known:
        tags = open_clip.list_pretrained_tags_by_model(name.removesuffix(QUICK))
        raise CrosshashError(
            f"params.yaml: model.pretrained: '{tag}' is no file, and open_clip has no such weights for '{name}'. "
            f"Known tags: {', '.join(tags) or 'none'}."
        )
    return dict(known)


def _download(name: str, tag: str) -> Path:
    """Fetch a tag's weights into the usual cache of open_clip."""
    try:
        return Path(open_clip.download_pretrained(_tag_config(name, tag)))
    except CrosshashError:
        raise
    except Exception as error:
        raise CrosshashError(
            f"params.yaml: model.pretrained: the weights '{tag}' of '{name}' could not be downloaded "
            f"({type(error).__name__}: {str(error).splitlines()[0]}). Give model.pretrained the path of a local file."
        ) from None


def _check_fits(network: torch.nn.Module, state: dict[str, Tensor], path: Path, name: str) -> None:
    """Compare names and shapes before anything is loaded."""
    own = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    problems = [f"{key}: missing" for key in own.keys() - given.keys() if not key.endswith("attn_mask")]
    problems += [f"{key}: not part of the model" for key in given.keys() - own.keys()]
    problems += [
        f"{key}: shape {given[key]}, the model has {own[key]}"
        for key in own.keys() & given.keys()
        if own[key] != given[key]
    ]
    if problems:
        raise CrosshashError(f"{path}: does not fit the model '{name}':\n{listed(sorted(problems))}")
