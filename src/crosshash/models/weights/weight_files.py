"""Files of published weights: read without unpickling, compared with the network before they are loaded."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crosshash.config.user_files import refuse_pointer
from crosshash.errors import CrosshashError, listed
from crosshash.models.weights.tensors import Tensors, read_tensors

SUFFIX = ".safetensors"
REMEDY = "model.pretrained takes a tag (openai) or the path of a whole weight file."
COUNTER = "num_batches_tracked"
KEYS = ("state_dict", "model_state_dict", "model")
"""Under which training programs save the weights, beside the optimiser and the like."""
PREFIXES = ("module.", "_orig_mod.", "model.")
"""What wrappers put before every name: DataParallel, torch.compile, Lightning."""

SCALAR = np.float64(0).__reduce__()[0]
PLAIN: list[Any] = [
    argparse.Namespace,
    np.dtype,
    *{type(np.dtype(code)) for code in (*np.typecodes["AllInteger"], *np.typecodes["Float"], *"?SU")},
    (SCALAR, "numpy._core.multiarray.scalar"),
    (SCALAR, "numpy.core.multiarray.scalar"),  # of numpy 1
]
"""What programs save beside tensors: their arguments, and numbers of numpy. Building them runs no code."""

FOREIGN = re.compile(r"GLOBAL (\S+) (?:was not an allowed global|whose module)")
logger = logging.getLogger(__name__)


def check_there(path: Path) -> None:
    """Refuse a missing file, and one that only points to where Git LFS keeps it.

    Raises:
        CrosshashError: it is either.
    """
    if not path.is_file():
        raise CrosshashError(f"{path}: not found. {REMEDY}")
    refuse_pointer(path)


def read_state(path: Path) -> Tensors:
    """Read all tensors of a weight file, or of the part of a checkpoint that holds the weights.

    Raises:
        CrosshashError: the file is missing, damaged, holds objects of Python, or several sets of weights.
    """
    check_there(path)
    if path.suffix == SUFFIX:
        return _unwrapped(read_tensors(path, REMEDY))
    try:
        with torch.serialization.safe_globals(PLAIN):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here, all of them "not a plain dict of tensors"
        raise CrosshashError(f"{path}: cannot be read as plain weights: {_reason(path, error)}") from None
    return _unwrapped(_weights(path, loaded))


def _reason(path: Path, error: Exception) -> str:
    """Say why a file is refused, and what to do."""
    found = FOREIGN.search(str(error))
    if found:
        return (
            f"it holds a Python object ({found[1]}), which is not built. Save the tensors alone: "
            "torch.save(model.state_dict(), path), or the part of the checkpoint that holds them."
        )
    if "TorchScript" in str(error):
        return (
            f"it is a TorchScript archive. If it is OpenAI's own, run `crosshash weights convert {path} "
            f"{path.with_suffix(SUFFIX)}` once."
        )
    first = first_line(error).partition(". ")[0].rstrip(".").replace("Weights only load failed", "no pickle")
    return f"it is cut, damaged or no file of torch ({first}). {REMEDY}"


def _weights(path: Path, loaded: object) -> Tensors:
    """Find the weights among what a checkpoint holds."""
    if not isinstance(loaded, Mapping):
        raise CrosshashError(
            f"{path}: cannot be read as plain weights: it holds a {type(loaded).__name__}, not tensors by "
            "name. Save them with torch.save(model.state_dict(), path)."
        )
    parts = {str(key): tensors for key, value in loaded.items() if (tensors := _tensors(value))}
    key = next((key for key in KEYS if key in parts), None)
    if key is None and (own := _tensors(loaded)):
        return own
    if key is None and len(parts) == 1:
        key = next(iter(parts))
        logger.info("%s: the weights are those under '%s'", path, key)
    if key is None:
        keys = ", ".join(f"'{key}'" for key in parts or loaded) or "none"
        finding = f"holds {len(parts)} sets of weights" if parts else "holds no tensors by name"
        raise CrosshashError(
            f"{path}: {finding}; its keys: {keys}. Save one set of tensors alone: "
            "torch.save(checkpoint[key], path)."
        )
    return parts[key]


def _tensors(value: object) -> Tensors:
    """Give the tensors of a dict by name; none of anything else."""
    entries = value.items() if isinstance(value, Mapping) else ()
    return {key: one for key, one in entries if isinstance(key, str) and isinstance(one, Tensor)}


def _unwrapped(state: Tensors) -> Tensors:
    """Take away what wrappers have put before every name."""
    while state and (
        prefix := next((one for one in PREFIXES if all(key.startswith(one) for key in state)), "")
    ):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


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
