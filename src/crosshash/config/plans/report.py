"""What the report stage needs to know."""

from __future__ import annotations

from crosshash.config.plans.base import Plan


class ReportPlan(Plan):
    """What the page shows."""

    method: str
    dataset: str
    bits: int
    train_bits: int
    extremes: int
    queries: int
    top: int
