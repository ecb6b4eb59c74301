"""The files of a run: which there are, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pandas as pd

from crosshash.artifacts import parse_json
from crosshash.config.yaml_text import parse_yaml
from crosshash.errors import CrosshashError
from crosshash.parquet import parse_parquet

METRICS, SCORES, PARAMS, LOCK = "metrics.json", "artifacts/per_query.parquet", "params.yaml", "dvc.lock"


class Files(Protocol):
    """The files of a run, by their paths in the project."""

    def read(self, path: str) -> bytes:
        """Give the bytes of a file.

        Raises:
            OSError: there is none, or it is not in the cache.
        """
        ...

    def md5(self, path: str) -> str | None:
        """Give what DVC has recorded as hash of an output; None if it does not know."""
        ...


def read_metrics(name: str, files: Files) -> dict[str, Any]:
    """Read metrics.json.

    Raises:
        CrosshashError: the run was not scored, or the file is damaged.
    """
    try:
        metrics = _parsed(name, METRICS, files.read(METRICS), parse_json)
    except OSError:
        raise CrosshashError(
            f"{name}: no {METRICS}, so it was not scored. `dvc repro` there, or `dvc exp run`, scores it."
        ) from None
    lacking = [key for key in ("method", "dataset", "bits") if key not in metrics]
    if lacking:
        raise CrosshashError(f"{name}: {METRICS} has no {', '.join(lacking)}; run `dvc repro evaluate`.")
    return metrics


def read_settings(name: str, files: Files) -> dict[str, Any]:
    """Read params.yaml, by dotted key; empty where there is none."""
    try:
        return flat(_parsed(name, PARAMS, files.read(PARAMS), parse_yaml))
    except OSError:
        return {}


def read_lock(name: str, files: Files) -> dict[str, Any]:
    """Read the stages of dvc.lock; empty where there is none."""
    try:
        stages = _parsed(name, LOCK, files.read(LOCK), parse_yaml).get("stages")
    except OSError:
        return {}
    return stages or {}


def read_scores(name: str, files: Files) -> pd.DataFrame | None:
    """Read per_query.parquet: task, id and a column per measure; None where it cannot be had.

    Raises:
        CrosshashError: it is damaged, or differs from its checksum.
    """
    try:
        content = files.read(SCORES)
    except OSError:
        return None
    remedy = "Run `dvc repro evaluate`."
    table: pd.DataFrame = parse_parquet(content, f"{name}: {SCORES}", None, remedy).to_pandas()
    if not {"task", "id"} <= set(table.columns):
        raise CrosshashError(f"{name}: {SCORES} has no columns task and id. `dvc repro evaluate`.")
    twice = table.duplicated(["task", "id"])
    if twice.any():
        query = table["id"][twice].iloc[0]
        raise CrosshashError(f"{name}: {SCORES} has query {query} twice. `dvc repro evaluate`.")
    return table


def flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested settings by dotted key."""
    found: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _parsed(name: str, path: str, content: bytes, parse: Callable[[bytes], Any]) -> dict[str, Any]:
    try:
        value = parse(content)
    except ValueError as error:
        raise CrosshashError(f"{name}: {path} cannot be read ({error}). `dvc repro` makes it anew.") from None
    if not isinstance(value, dict):
        raise CrosshashError(f"{name}: {path} holds no keys and values. `dvc repro` makes it anew.")
    return value
