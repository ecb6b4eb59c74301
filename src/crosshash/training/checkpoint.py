"""Where a training stands after each epoch, so that a killed one goes on: plain tensors and JSON, no pickle.

Checkpoints live outside every DVC output (DVC deletes outputs before a stage runs), under a key made of all that
decides the result; they are removed when the training has succeeded.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_state_path
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from crosshash.artifacts import atomic_path, read_json, write_json
from crosshash.errors import CrosshashError

Tensors = dict[str, Tensor]
Epoch = dict[str, float]


@dataclass(frozen=True)
class Progress:
    """Epochs done, what each showed, and the best one's number and value."""

    epochs_done: int
    history: tuple[Epoch, ...]
    best_epoch: int
    best_value: float


def state_folder() -> Path:
    """Give `$CROSSHASH_STATE`, by default a folder among the user's state files."""
    return Path(os.environ.get("CROSSHASH_STATE") or user_state_path("crosshash"))


def training_key(files: Iterable[Path], *words: str) -> str:
    """Hash all that decides a training's result: its input files, some words, and the code that is loaded."""
    digest = hashlib.sha256("/".join(words).encode())
    sources = {
        Path(module.__file__)
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == "crosshash" and getattr(module, "__file__", None)
    }
    for path in [*files, *sorted(sources)]:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold a checkpoint folder for this process alone; the lock ends with the process, however it ends.

    Raises:
        CrosshashError: another process trains the same thing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CrosshashError(
                f"{folder}: the same training is running in another process. Wait for it, or end that process."
            ) from None
        yield folder


def save_checkpoint(
    folder: Path, model: Tensors, best: Tensors, optimizers: list[Optimizer], progress: Progress
) -> None:
    """Write the state after an epoch; the one before stays until this one is complete."""
    tensors = {f"model/{key}": value for key, value in model.items()}
    tensors |= {f"best/{key}": value for key, value in best.items()}
    for number, optimizer in enumerate(optimizers):
        for index, values in optimizer.state_dict()["state"].items():
            tensors |= {
                f"optimizer/{number}/{index}/{key}": value
                for key, value in values.items()
                if value is not None
            }
    with atomic_path(folder / "state") as temporary:
        temporary.mkdir()
        save_file(
            {key: value.contiguous().clone() for key, value in tensors.items()},
            temporary / "state.safetensors",
        )
        write_json(temporary / "progress.json", progress.__dict__)


def load_checkpoint(folder: Path, optimizers: list[Optimizer]) -> tuple[Tensors, Tensors, Progress] | None:
    """Read the last complete state into the optimisers; gives model and best tensors, or None without a state."""
    if not (folder / "state" / "progress.json").is_file():
        return None
    tensors = load_file(folder / "state" / "state.safetensors")
    for number, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in _under(tensors, f"optimizer/{number}").items():
            index, _, name = key.partition("/")
            state.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    raw: dict[str, Any] = read_json(folder / "state" / "progress.json")
    progress = Progress(raw["epochs_done"], tuple(raw["history"]), raw["best_epoch"], raw["best_value"])
    return _under(tensors, "model"), _under(tensors, "best"), progress


def remove_checkpoint(folder: Path) -> None:
    """Forget a finished training."""
    shutil.rmtree(folder, ignore_errors=True)


def cpu_copy(state: Tensors) -> Tensors:
    """Copy a state dict to the CPU, so that further steps leave it alone."""
    return {key: value.detach().to("cpu", copy=True) for key, value in state.items()}


def _under(tensors: Tensors, prefix: str) -> Tensors:
    return {
        key.removeprefix(f"{prefix}/"): value
        for key, value in tensors.items()
        if key.startswith(f"{prefix}/")
    }
