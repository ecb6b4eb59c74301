"""Where the networks run, and how torch is asked to give the same bytes each time."""

from __future__ import annotations

import os
from typing import Literal

import torch

from crosshash.errors import CrosshashError
from crosshash.workers.kept_memory import keep_freed_memory

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "bf16"]


def settled_device(device: Device) -> Literal["cpu", "cuda"]:
    """Give the device that `auto` means here.

    Raises:
        CrosshashError: CUDA is asked for and not there.
    """
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise CrosshashError(
            "params.yaml: device: cuda, but this machine shows no CUDA device. Use auto or cpu. Where it is "
            "auto, the plan was made on another machine: `dvc repro --force plan` makes it anew."
        )
    return "cuda" if there and device != "cpu" else "cpu"


def settled_half(device: Literal["cpu", "cuda"], precision: Precision) -> bool:
    """Say whether networks run in bf16: `auto` takes it on CUDA alone."""
    return precision == "bf16" or (precision == "auto" and device == "cuda")


def set_up_inference(threads: int | None) -> None:
    """Set up a process that runs networks without training them: equal bytes, and freed memory stays with it.

    threads: see `make_deterministic`. Training holds what all layers give, and would take more memory.
    """
    make_deterministic(threads)
    keep_freed_memory()


def make_deterministic(threads: int | None) -> None:
    """Ask torch for the same bytes on every run on the same processor with the same number of threads.

    threads: of operations on the CPU; None leaves torch's own number, for CUDA.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    os.environ.setdefault(
        "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
    )  # without it cuBLAS may differ from run to run
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms loads the compiler too, 2 s
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid, slow
    torch.backends.cudnn.benchmark = False
