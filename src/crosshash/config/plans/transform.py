"""What the transform stage needs to know."""

from __future__ import annotations

from typing import Literal

from crosshash.config.plans.base import Plan


class TransformPlan(Plan):
    """How the long code is mapped to the short one; `for_training`: the loss looks at the short code too."""

    used: bool
    for_training: bool
    solver: Literal["ridge", "sgd"]
    ridge_lambda: float
    tie_row: bool
    sgd_lr: float
    sgd_epochs: int
    sgd_batch: int
    seed: int
