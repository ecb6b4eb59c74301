"""Files of published weights: read without unpickling, compared with the network before they are loaded."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError, listed
from crosshash.models.weights.tensors import Tensors, read_tensors

SUFFIX = ".safetensors"
REMEDY = "model.pretrained takes a tag (openai) or the path of a whole weight file."
COUNTER = "num_batches_tracked"


def names_file(pretrained: str) -> bool:
    """Tell a path from a tag: no tag of open_clip, timm or torchvision has a dot or a slash."""
    return "." in pretrained or "/" in pretrained


def check_there(path: Path) -> None:
    """Refuse a missing file.

    Raises:
        CrosshashError: the file is missing.
    """
    if not path.is_file():
        raise CrosshashError(f"{path}: not found. {REMEDY}")


def read_state(path: Path) -> Tensors:
    """Read all tensors of a weight file.

    Raises:
        CrosshashError: the file is missing, damaged, or holds more than tensors.
    """
    if path.suffix == SUFFIX:
        return read_tensors(path, REMEDY)
    check_there(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        return {
            key.removeprefix("module."): value for key, value in state.items() if isinstance(value, Tensor)
        }
    except Exception as error:  # torch raises many kinds here, all of them "not a plain dict of tensors"
        raise CrosshashError(
            f"{path}: cannot be read as plain weights ({first_line(error)}). If it is OpenAI's own "
            f"archive, run `crosshash weights convert {path} {path.with_suffix(SUFFIX)}` once."
        ) from None


def load_parts(parts: list[tuple[str, nn.Module, Tensors]], path: Path, name: str) -> None:
    """Load tensors into networks, each named by a prefix, unless one of them does not fit.

    Raises:
        CrosshashError: tensors of other names or shapes, all of them listed.
    """
    problems = [problem for prefix, network, state in parts for problem in _misfits(network, state, prefix)]
    if problems:
        raise CrosshashError(f"{path}: does not fit the model '{name}':\n{listed(sorted(problems))}")
    for _, network, state in parts:
        network.load_state_dict(state)


def download_failed(name: str, tag: str, error: Exception) -> CrosshashError:
    """Say that the weights of a tag could not be fetched."""
    return CrosshashError(
        f"params.yaml: model.pretrained: the weights '{tag}' of '{name}' could not be downloaded "
        f"({type(error).__name__}: {first_line(error)}). Give model.pretrained the path of a local file."
    )


def first_line(error: Exception) -> str:
    """Give the first line of an error's text, or its kind where it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _misfits(network: nn.Module, state: Tensors, prefix: str) -> list[str]:
    """Compare names and shapes; the counters of BatchNorm, on which nothing depends, may be missing."""
    own = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    missing = [key for key in own.keys() - given.keys() if not key.endswith(COUNTER)]
    problems = [f"{prefix}{key}: missing" for key in missing]
    problems += [f"{prefix}{key}: not part of the model" for key in given.keys() - own.keys()]
    problems += [
        f"{prefix}{key}: shape {given[key]}, the model has {own[key]}"
        for key in own.keys() & given.keys()
        if own[key] != given[key]
    ]
    return problems
