"""What the encode stage needs to know."""

from __future__ import annotations

from typing import Literal

from crosshash.config.plans.base import Plan


class EncodePlan(Plan):
    """Length to deliver, and how; threads: of torch on the CPU, None on CUDA."""

    bits: int
    train_bits: int
    significance: Literal["auto", "weights", "activity", "alignment"] | None
    caption: Literal["first", "all"]
    batch: int
    device: Literal["cpu", "cuda"]
    threads: int | None
