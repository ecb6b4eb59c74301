"""One Lightning Fabric for device and precision."""

from __future__ import annotations

from typing import Literal

import torch
from lightning_fabric import Fabric

from crosshash.errors import CrosshashError

Device = Literal["auto", "cpu", "cuda"]


def open_fabric(device: Device, precision: Literal["auto", "fp32", "bf16"]) -> Fabric:
    """Settle device and precision: `auto` takes CUDA if there is one, and bf16 only there.

    Raises:
        CrosshashError: CUDA is asked for and not there.
    """
    chosen = settled_device(device)
    bf16 = precision == "bf16" or (precision == "auto" and chosen == "cuda")
    return Fabric(accelerator=chosen, devices=1, precision="bf16-mixed" if bf16 else "32-true")


def settled_device(device: Device) -> Literal["cpu", "cuda"]:
    """Give the device that `auto` means here.

    Raises:
        CrosshashError: CUDA is asked for and not there.
    """
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise CrosshashError(
            "params.yaml: device: cuda, but this machine shows no CUDA device. Use auto or cpu."
        )
    return "cuda" if there and device != "cpu" else "cpu"


def make_deterministic() -> None:
    """Ask torch for the same bytes on every run of the same machine and thread count."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid, slow
    torch.backends.cudnn.benchmark = False
