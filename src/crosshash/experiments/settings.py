"""Which settings make two runs the same method: all that had a part in the run, but seed, bits and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crosshash.config.params import DATASETS, METHODS
from crosshash.experiments.runs import Run

ELSEWHERE = (
    *("method", "dataset", "bits", "seed", "protocol", "device"),
    *("split.seed", "split.file", "split.query"),
    *("download", "evaluate", "index", "report"),
)
"""Rows, columns and conditions of the table say these, or they have no part in scores."""


def settings_of(run: Run) -> dict[str, Any]:
    """Give the settings that runs must share to be averaged; the sections of other methods have no part."""
    others = (set(METHODS) | set(DATASETS)) - {run.method}
    return {
        key: value
        for key, value in run.settings.items()
        if key not in ELSEWHERE and key.partition(".")[0] not in {*ELSEWHERE, *others}
    }


def telling(settings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Keep of each what is not the same in all."""
    keys = dict.fromkeys(key for one in settings for key in one)
    differing = [key for key in keys if any(one.get(key) != settings[0].get(key) for one in settings)]
    return [{key: one.get(key) for key in differing} for one in settings]
