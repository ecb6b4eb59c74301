"""What the infer stage needs to know."""

from __future__ import annotations

from typing import Literal

from crosshash.config.plans.base import Plan


class InferPlan(Plan):
    """How the networks run over all items; threads: of torch on the CPU, None on CUDA.

    keep_gb: real codes that take more, in GB, are not kept.
    """

    caption: Literal["first", "all"]
    batch: int
    keep_gb: float
    device: Literal["cpu", "cuda"]
    threads: int | None
