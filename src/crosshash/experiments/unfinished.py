"""Whether scores are those of the settings beside them, by what dvc.lock records."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from crosshash.experiments.files import LOCK, METRICS, PARAMS, Files, flat, read_lock
from crosshash.experiments.settings import has_part


def why_unfinished(
    name: str, files: Files, metrics: Mapping[str, Any], settings: Mapping[str, Any]
) -> str | None:
    """Say why the scores may be of other settings than params.yaml: a run that was begun and not ended.

    Only stages that scores depend on are asked: neither the report nor the index need be new.
    """
    for key in ("method", "dataset", "bits"):
        if key in settings and settings[key] != metrics[key]:
            return f"{PARAMS} says {key} {settings[key]}, the scores are of {metrics[key]}"
    for stage, entry in _before_scores(read_lock(name, files)).items():
        for key, value in flat(entry.get("params", {}).get(PARAMS, {})).items():
            if settings.get(key) != value and has_part(key, metrics["method"], metrics["dataset"]):
                return f"{PARAMS} says {key} {settings.get(key)}, stage {stage} ran with {value}"
        for path, md5 in _hashes(entry, "deps").items():
            if files.md5(path) not in (None, md5):
                return f"stage {stage} has not run since {path} changed"
        if _hashes(entry, "outs").get(METRICS) not in (None, _md5(files.read(METRICS))):
            return f"{METRICS} is not the one that {LOCK} records"
    return None


def _before_scores(stages: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the stage that writes metrics.json and all that it depends on."""
    makers = {path: stage for stage, entry in stages.items() for path in _hashes(entry, "outs")}
    kept: dict[str, Any] = {}
    waiting = [makers[METRICS]] if METRICS in makers else []
    while waiting:
        stage = waiting.pop()
        kept[stage] = stages[stage]
        made = {
            maker
            for path in _hashes(stages[stage], "deps")
            for out, maker in makers.items()
            if path == out or path.startswith(f"{out}/")
        }
        waiting += sorted(made - set(kept))
    return kept


def _hashes(entry: Mapping[str, Any], kind: str) -> dict[str, str]:
    """Give the recorded hashes of a stage's `deps` or `outs` by path."""
    return {one["path"]: one["md5"] for one in entry.get(kind, ()) if "md5" in one}


def _md5(content: bytes) -> str:
    """Hash as DVC does; it guards nothing."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
