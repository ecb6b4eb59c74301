"""What the index stage needs to know."""

from __future__ import annotations

from typing import Literal

from crosshash.config.plans.base import Plan


class IndexPlan(Plan):
    """Length of the codes and how they are searched; `seed` is of what an index learns."""

    bits: int
    kind: Literal["flat", "ivf", "hnsw", "multihash", "auto"]
    distance: Literal["auto", "hamming", "asymmetric"]
    seed: int
