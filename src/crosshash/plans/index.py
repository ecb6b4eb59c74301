"""What the index stage needs to know."""

from __future__ import annotations

from crosshash.plans.base import Plan


class IndexPlan(Plan):
    """Length of the codes that the index holds."""

    bits: int
