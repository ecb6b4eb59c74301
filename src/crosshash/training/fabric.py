"""One Lightning Fabric for device and precision."""

from __future__ import annotations

from lightning_fabric import Fabric

from crosshash.inference.device import Device, Precision, settled_device, settled_half


def open_fabric(device: Device, precision: Precision) -> Fabric:
    """Settle device and precision: `auto` takes CUDA if there is one, and bf16 only there.

    Raises:
        CrosshashError: CUDA is asked for and not there.
    """
    chosen = settled_device(device)
    half = settled_half(chosen, precision)
    return Fabric(accelerator=chosen, devices=1, precision="bf16-mixed" if half else "32-true")
