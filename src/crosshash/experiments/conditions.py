"""Under which conditions a run was scored: only scores of the same ones are put side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crosshash.experiments.runs import Run

Conditions = Mapping[str, Any]

WORDS = {
    "dataset": "data set",
    "protocol": "protocol",
    "ties": "ties",
    "undefined": "queries without relevant item",
    "n_query": "queries",
    "n_retrieval": "retrieval set",
    "base_rate": "chance",
    "distance": "distance of the main scores",
}
"""How the conditions are called where people read them."""

REMEDIES = {
    "protocol": "score both under one protocol: `dvc exp run -S protocol=...`",
    "ties": "score both by one rule: `dvc exp run -S evaluate.ties=...`",
    "undefined": "score both by one rule: `dvc exp run -S evaluate.undefined=...`",
    "distance": "`crosshash leaderboard` sets vectors beside the asymmetric scores of codes",
    "base_rate": "the share of relevant pairs differs: other labels, or other items",
}


def conditions_of(run: Run) -> dict[str, Any]:
    """Give what two runs must have in common for their scores to be compared.

    The rule for queries without a relevant item matters, and counts, only where there are such queries.
    Where the data lie (`path`) does not count, what they are does.
    """
    metrics, settings = run.metrics, run.settings
    policy = metrics.get("undefined", settings.get("evaluate.undefined", "skip"))
    own = {
        key: value
        for key, value in settings.items()
        if key.startswith(f"{run.dataset}.") and not key.endswith(".path")
    }
    return {
        "dataset": run.dataset,
        **own,
        "protocol": metrics.get("protocol", settings.get("protocol", "strict")),
        "ties": metrics.get("ties"),
        "undefined": policy if metrics.get("n_undefined") else None,
        "n_query": metrics.get("n_query"),
        "n_retrieval": metrics.get("n_retrieval"),
        "base_rate": metrics.get("base_rate"),
    }


def split_of(run: Run) -> dict[str, Any]:
    """Give the settings that decide who is query."""
    return {key: run.settings.get(key) for key in ("split.seed", "split.file")}


def ran_on(run: Run) -> str:
    """Say what the networks ran on: no condition, but equal settings score otherwise elsewhere."""
    if "threads" not in run.metrics:
        return "an unrecorded number of threads"
    threads = run.metrics["threads"]
    return "CUDA" if threads is None else f"{threads} CPU thread{'' if threads == 1 else 's'}"


def differing(conditions: Sequence[Conditions]) -> list[str]:
    """List the keys whose values are not the same in all."""
    keys = dict.fromkeys(key for one in conditions for key in one)
    return [key for key in keys if any(one.get(key) != conditions[0].get(key) for one in conditions)]


def in_words(key: str, value: object) -> str:
    """Write a condition or setting and its value for people."""
    return f"{WORDS.get(key, key)} {'none' if value is None else value}"
