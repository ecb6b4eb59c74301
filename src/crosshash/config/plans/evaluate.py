"""What the evaluate stage needs to know."""

from __future__ import annotations

from typing import Literal

from crosshash.config.plans.base import Plan


class EvaluatePlan(Plan):
    """Conventions of the scores, and what stands beside them in metrics.json.

    rerank: candidates that a method which quantises orders anew; None for the others. headline_k and
    headline_norm: the average precision that the protocol compares methods by; None: over all ranks.
    threads: of the networks on the CPU, None on CUDA.
    """

    method: str
    dataset: str
    bits: int
    train_bits: int
    rerank: int | None
    protocol: Literal["strict", "published"]
    headline_k: int | None
    headline_norm: Literal["min", "hits", "all", "first"]
    ties: Literal["expected", "by_id", "optimistic", "pessimistic"]
    undefined: Literal["skip", "skip_without_hit", "zero", "error"]
    bootstrap: int
    seed: int
    threads: int | None
