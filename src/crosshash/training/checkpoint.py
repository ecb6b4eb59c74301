"""Where a training stands after each epoch, so that a killed one goes on: tensors and JSON, no pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Optimizer

from crosshash.errors import CrosshashError
from crosshash.models.weights.tensors import Tensors, read_stored, write_tensors

Epoch = dict[str, float]

STATE = "state.safetensors"


@dataclass(frozen=True)
class Progress:
    """Epochs done, what each showed, and the best one's number and value."""

    epochs_done: int
    history: tuple[Epoch, ...]
    best_epoch: int
    best_value: float


def save_checkpoint(
    folder: Path, model: Tensors, best: Tensors, optimizers: Sequence[Optimizer], progress: Progress
) -> None:
    """Write the state after an epoch; the one before stays until this one is complete and on the disk.

    Raises:
        CrosshashError: the disk is full or the folder is read-only.
    """
    tensors = {f"model/{key}": value for key, value in model.items()}
    tensors |= {f"best/{key}": value for key, value in best.items()}
    for number, optimizer in enumerate(optimizers):
        for index, values in optimizer.state_dict()["state"].items():
            tensors |= {
                f"optimizer/{number}/{index}/{key}": value
                for key, value in values.items()
                if value is not None  # SGD without momentum
            }
    write_tensors(folder / STATE, tensors, ("progress", json.dumps(asdict(progress))), durable=True)


def load_checkpoint(
    folder: Path, optimizers: Sequence[Optimizer]
) -> tuple[Tensors, Tensors, Progress] | None:
    """Read the last complete state into the optimisers; gives model and best tensors, or None without one.

    Raises:
        CrosshashError: the file is damaged, or holds something else.
    """
    path = folder / STATE
    if not path.is_file():
        return None
    remedy = "Delete it; training then starts anew."
    stored = read_stored(path, remedy)
    tensors = stored.tensors
    progress = _progress(path, stored.notes.get("progress"), remedy)
    for number, optimizer in enumerate(optimizers):
        _restore(optimizer, _under(tensors, f"optimizer/{number}"))
    return _under(tensors, "model"), _under(tensors, "best"), progress


def cpu_copy(state: Tensors, left_out: tuple[str, ...] = ()) -> Tensors:
    """Copy a state dict to the CPU, so that further steps leave it alone; left_out: beginnings of names."""
    kept = ((key, value) for key, value in state.items() if not key.startswith(left_out))
    return {key: value.detach().to("cpu", copy=True) for key, value in kept}


def _progress(path: Path, note: str | None, remedy: str) -> Progress:
    """Read what stands beside the tensors."""
    try:
        raw = json.loads(note or "null")
        return Progress(raw["epochs_done"], tuple(raw["history"]), raw["best_epoch"], raw["best_value"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CrosshashError(f"{path}: its note 'progress' is damaged ({error!r}). {remedy}") from None


def _restore(optimizer: Optimizer, tensors: Tensors) -> None:
    """Fill an optimiser's state from tensors named `<index of the parameter>/<name>`."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    state: dict[int, Tensors] = {}
    for key, value in tensors.items():
        index, _, name = key.partition("/")
        state.setdefault(int(index), {})[name] = _laid_out(value, parameters[int(index)])
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    """Give a moment the memory layout of its parameter: fused AdamW walks through both in order of memory."""
    return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value


def _under(tensors: Tensors, prefix: str) -> Tensors:
    start = f"{prefix}/"
    return {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
