"""One Lightning Fabric for device and precision."""

from __future__ import annotations

from typing import Literal

from lightning_fabric import Fabric

from crosshash.inference.device import Device, settled_device


def open_fabric(device: Device, precision: Literal["auto", "fp32", "bf16"]) -> Fabric:
    """Settle device and precision: `auto` takes CUDA if there is one, and bf16 only there.

    Raises:
        CrosshashError: CUDA is asked for and not there.
    """
    chosen = settled_device(device)
    bf16 = precision == "bf16" or (precision == "auto" and chosen == "cuda")
    return Fabric(accelerator=chosen, devices=1, precision="bf16-mixed" if bf16 else "32-true")
