"""What the encode stage needs to know."""

from __future__ import annotations

from typing import Literal

from crosshash.config.plans.base import Plan


class EncodePlan(Plan):
    """Length to deliver, and by which measure its bits are chosen, where they are cut from a longer code."""

    bits: int
    train_bits: int
    significance: Literal["auto", "weights", "activity", "alignment"] | None
