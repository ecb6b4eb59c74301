"""What the convert stage needs to know."""

from __future__ import annotations

from typing import Literal

from crosshash.config.plans.base import Plan, Settings


class ConvertPlan(Plan):
    """Raw files to pair table, split, .mat triple, shards; sizes below 1 are shares, None: the protocol's.

    split_file_sha256: of `split_file`, None where there is none.
    """

    dataset: str
    settings: Settings
    split_file: str | None
    query: int | float | None
    train: int | float | None
    val: float
    split_seed: int
    missing_class: Literal["error", "warn"]
    check: Literal["full", "quick"]
    max_side: int
    bad_images: Literal["fail", "skip"]
    vocabulary: int
    shard_mb: float
    split_file_sha256: str | None = None
