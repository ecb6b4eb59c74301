"""Learning rate over a training: a linear rise, then one of three ways down."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["cosine", "exponential", "constant"]


def rate_factor(
    step: int,
    steps: int,
    warmup: float,
    schedule: Schedule = "cosine",
    end: float = 0.0,
    *,
    from_zero: bool = False,
) -> float:
    """Share of the peak learning rate at a step of `steps`; `end` is the share that the last step nears.

    Linear over the first `warmup` share, where the first step moves already; `from_zero`: it does not, its
    rate is 0. Then, with x the share of all steps done, cosine: end + (1 - end) 0.5 (1 + cos(pi x)) (TwDH's
    schedule, doi 10.1109/TMM.2024.3381828, with end 0); exponential: end^x (SCAHN's, doi
    10.1016/j.neucom.2020.03.019, with end 10^-4.5); constant: 1.
    """
    done, rising = step / steps, warmup * steps
    if step < rising:
        return done / warmup if from_zero else (step + 1) / (rising + 1)
    if schedule == "cosine":
        return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * done))
    return end**done if schedule == "exponential" else 1.0
