"""What the evaluate stage needs to know."""

from __future__ import annotations

from typing import Literal

from crosshash.plans.base import Plan


class EvaluatePlan(Plan):
    """Conventions of the scores, and what stands beside them in metrics.json.

    rerank: candidates that a method which quantises orders anew; None for the others.
    """

    method: str
    dataset: str
    bits: int
    train_bits: int
    rerank: int | None
    ties: Literal["expected", "by_id", "optimistic", "pessimistic"]
    undefined: Literal["skip", "zero", "error"]
    bootstrap: int
    seed: int
