"""The optimiser of a phase: which parameters learn at which rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch.optim import SGD, AdamW, Optimizer

from crosshash.models.method import TrainedMethod
from crosshash.protocols import ParameterGroup
from crosshash.training.schedule import Schedule, rate_factor


@dataclass(frozen=True)
class Rates:
    """Peak learning rates and what goes with them.

    backbone: of the image encoder; backbone_text: of the text encoder, None for the same; text: factor on
    head and encoder of the text network; warmup: share of the steps; end: share of the peak that is left at
    the last step; momentum: of SGD.
    """

    head: float
    backbone: float
    weight_decay: float
    warmup: float
    clip_norm: float
    backbone_text: float | None = None
    text: float = 1.0
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: float = 0.9
    schedule: Schedule = "cosine"
    end: float = 0.0


def make_optimizer(method: TrainedMethod, phase: str, rates: Rates) -> Optimizer:
    """AdamW with TwDH's constants, or SGD; biases and normalisation scales are not decayed.

    `set_rates` gives learning rates before each step.
    """
    groups = []
    for group in method.parameter_groups(phase):
        peak = _peak(rates, group)
        for decayed in (True, False):
            chosen = [p for p in group.parameters if p.requires_grad and (p.ndim > 1) == decayed]
            decay = rates.weight_decay if decayed else 0.0
            if chosen:
                groups.append({"params": chosen, "peak": peak, "weight_decay": decay})
    if rates.optimizer == "sgd":
        return SGD(groups, momentum=rates.momentum)
    return AdamW(groups, betas=(0.9, 0.98), eps=1e-6, fused=True)


def _peak(rates: Rates, group: ParameterGroup) -> float:
    of_text = group.modality == "text"
    own = rates.backbone_text if of_text and rates.backbone_text is not None else rates.backbone
    return (rates.head if group.part == "head" else own) * (rates.text if of_text else 1.0)


def set_rates(optimizer: Optimizer, step: int, steps: int, rates: Rates) -> None:
    """Set the learning rates of a step of all `steps` of the training."""
    factor = rate_factor(step, steps, rates.warmup, rates.schedule, rates.end)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
