"""The optimiser of a phase: which parameters learn at which rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch.optim import SGD, AdamW, Optimizer

from crosshash.protocols import Method
from crosshash.training.schedule import Schedule, rate_factor


@dataclass(frozen=True)
class Rates:
    """Peak learning rates and what goes with them.

    text: factor on both for the text network; warmup: share of the steps; end: share of the peak that is left
    at the last step; momentum: of SGD.
    """

    head: float
    backbone: float
    weight_decay: float
    warmup: float
    clip_norm: float
    text: float = 1.0
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: float = 0.9
    schedule: Schedule = "cosine"
    end: float = 0.0


def make_optimizer(method: Method, phase: str, rates: Rates) -> Optimizer:
    """AdamW with TwDH's constants, or SGD; biases and normalisation scales are not decayed."""
    groups = []
    for group in method.parameter_groups(phase):
        peak = rates.head if group.part == "head" else rates.backbone
        peak *= rates.text if group.modality == "text" else 1.0
        for decayed in (True, False):
            chosen = [p for p in group.parameters if p.requires_grad and (p.ndim > 1) == decayed]
            decay = rates.weight_decay if decayed else 0.0
            if chosen:
                groups.append({"params": chosen, "lr": peak, "peak": peak, "weight_decay": decay})
    if rates.optimizer == "sgd":
        return SGD(groups, lr=0.0, momentum=rates.momentum)
    return AdamW(groups, betas=(0.9, 0.98), eps=1e-6, fused=True)


def set_rates(optimizer: Optimizer, step: int, steps: int, rates: Rates) -> None:
    """Set the learning rates of a step of all `steps` of the training."""
    factor = rate_factor(step, steps, rates.warmup, rates.schedule, rates.end)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
