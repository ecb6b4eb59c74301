"""Learning rate over a training: a linear rise, then half a cosine."""

from __future__ import annotations

import math


def rate_factor(step: int, steps: int, warmup: float) -> float:
    """Share of the peak learning rate at a step of `steps`.

    Linear over the first `warmup` share, then 0.5 (1 + cos(pi x)) with x the share of all steps done (TwDH's
    schedule, doi 10.1109/TMM.2024.3381828).
    """
    rising = warmup * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1 + math.cos(math.pi * step / steps))
