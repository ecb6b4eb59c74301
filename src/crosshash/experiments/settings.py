"""Which settings have a part in scores, and which of them make two runs the same method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crosshash.config.params import DATASETS, METHODS

NO_PART = ("device", "download", "index", "report")
"""Where the work was done, and what comes after the scores."""

ELSEWHERE = (
    *("method", "dataset", "bits", "seed", "protocol", "evaluate", "threads"),
    *("split.seed", "split.file", "split.query"),
)
"""What rows, columns, conditions and notes of the table say."""


def has_part(key: str, method: str, dataset: str) -> bool:
    """Say whether a setting can matter to scores; the sections of other methods and data sets cannot."""
    section = key.partition(".")[0]
    others = (set(METHODS) | set(DATASETS)) - {method, dataset}
    return section not in NO_PART and section not in others


def row_settings(settings: Mapping[str, Any], method: str, dataset: str) -> dict[str, Any]:
    """Keep what runs must share to be averaged: all with a part in scores, but the seed and the columns."""
    return {
        key: value
        for key, value in settings.items()
        if has_part(key, method, dataset)
        and key not in ELSEWHERE
        and key.partition(".")[0] not in (*ELSEWHERE, dataset)
    }


def telling(settings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Keep of each what is not the same in all."""
    keys = dict.fromkeys(key for one in settings for key in one)
    differing = [key for key in keys if any(one.get(key) != settings[0].get(key) for one in settings)]
    return [{key: one.get(key) for key in differing} for one in settings]
