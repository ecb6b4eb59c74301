"""One Lightning Fabric for device, precision and the processes that train one model."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import nn

from crosshash.errors import CrosshashError
from crosshash.inference.device import Device, Precision, settled_device, settled_half
from crosshash.models.encoders.levels import Encoder

LOST = ("gloo", "NCCL", "Connection closed", "Connection reset", "Timed out", "timed out")
"""What collectives say when a process is gone."""


def open_fabric(device: Device, precision: Precision, devices: int = 1, nodes: int = 1) -> Fabric:
    """Settle device and precision: `auto` takes CUDA if there is one, and bf16 only there.

    devices: GPUs of a machine, or processes on the CPU; nodes: machines. More than one process begin to work
    at `launch`, which starts those of this machine that nobody (torchrun) has started yet.

    Raises:
        CrosshashError: CUDA, or a GPU, is asked for and not there; torchrun has started another number;
            several machines, of which this one does not know its place.
    """
    chosen = settled_device(device)
    kind: Literal["bf16-mixed", "32-true"] = "bf16-mixed" if settled_half(chosen, precision) else "32-true"
    if devices * nodes == 1:
        return Fabric(accelerator=chosen, devices=1, precision=kind)
    _check_there(chosen, devices)
    _check_started(devices, nodes)
    # Weights and buffers are equal everywhere already (crosshash.training.ranks), some of types that gloo
    # does not know; a phase leaves the parameters of the others without gradient.
    warnings.filterwarnings(
        "ignore", "`broadcast_buffers` is deprecated", FutureWarning
    )  # torch 2.6 has it alone
    strategy = DDPStrategy(init_sync=False, broadcast_buffers=False, find_unused_parameters=True)
    return Fabric(accelerator=chosen, devices=devices, num_nodes=nodes, strategy=strategy, precision=kind)


def launched(fabric: Fabric) -> Fabric:
    """Start the other processes, if there are any: they run the same stage. The first one alone speaks."""
    fabric.launch()
    if not fabric.is_global_zero:
        logging.disable(logging.WARNING)
    return fabric


def for_gpu(method: nn.Module, device: torch.device, compiled: bool) -> None:
    """Lay out the weights of convolutions as CUDA likes them; compile the networks if that is asked for."""
    if device.type != "cuda":
        return
    method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for network in method.modules():
        if compiled and isinstance(network, Encoder):
            for name in ("forward", "levels"):
                setattr(network, name, torch.compile(getattr(network, name)))


@contextmanager
def lost_processes_named(fabric: Fabric) -> Iterator[None]:
    """Turn what a collective says of a process that is gone into a CrosshashError that names it."""
    try:
        yield
    except RuntimeError as error:
        if fabric.world_size == 1 or not any(word in str(error) for word in LOST):
            raise
        rank, count = fabric.global_rank, fabric.world_size
        raise CrosshashError(
            f"process {rank} of the {count} that train one model waited for one that has ended"
            f"{_ended(fabric)}. What that one said, if anything, stands above. Run `dvc repro` again: "
            "training goes on after its last finished epoch."
        ) from error


def _ended(fabric: Fabric) -> str:
    """Say which of the processes that this one has started ended, and how; they have a second to do so."""
    children = getattr(fabric.strategy.launcher, "procs", [])
    for _ in range(20):
        for rank, child in enumerate(children, start=1):
            if child.poll():
                how = (
                    f"by signal {-child.returncode}"
                    if child.returncode < 0
                    else f"with status {child.returncode}"
                )
                return f" (process {rank} {how})"
        time.sleep(0.05)
    return ""


def _check_there(device: Literal["cpu", "cuda"], devices: int) -> None:
    if device == "cuda" and devices > torch.cuda.device_count():
        raise CrosshashError(
            f"params.yaml: train.devices: {devices}, but this machine shows {torch.cuda.device_count()} CUDA "
            "device(s). Lower it, or set train.devices: auto."
        )


def _check_started(devices: int, nodes: int) -> None:
    by_torchrun = torch.distributed.is_torchelastic_launched()
    started = int(os.environ["WORLD_SIZE"]) if by_torchrun else devices * nodes
    if started != devices * nodes:
        raise CrosshashError(
            f"torchrun has started {started} processes, but params.yaml says train.devices: {devices} and "
            f"train.nodes: {nodes}. Start {devices * nodes}, or change the settings and run `dvc repro plan`."
        )
    if nodes > 1 and not by_torchrun and not {"NODE_RANK", "MASTER_ADDR"} <= os.environ.keys():
        raise CrosshashError(
            f"params.yaml: train.nodes: {nodes}, but this process does not know which of them it is. Set "
            "NODE_RANK (0, 1, ...), MASTER_ADDR and MASTER_PORT on each machine, or start the stage by "
            "torchrun (docs/training.md)."
        )
