"""Settings of one run, written into its worktree's params.yaml; the plan stage judges what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dvc.exceptions import InvalidArgumentError
from dvc.utils.hydra import apply_overrides, to_hydra_overrides
from dvc.utils.serialize import modify_yaml
from hydra.errors import OverrideParseException

from crosshash.errors import CrosshashError, listed

PATHS = (
    *((name, "path") for name in ("custom", "features", "mat_triple")),
    *((name, "path") for name in ("webdataset", "parquet", "embeddings", "karpathy")),
    *(("model", "pretrained"), ("download", "local"), ("split", "file")),
)
"""Settings that may name a file or folder of the user."""


def apply_settings(params: Path, values: Mapping[str, object], overrides: Sequence[str]) -> None:
    """Write values of top-level keys, then overrides (`twdh.quan_weight=0.1`), into a params.yaml.

    A key that the file lacks is written too: the plan stage refuses it and names the nearest known one.

    Raises:
        CrosshashError: overrides that are not KEY=VALUE, or give several values; all of them are listed.
    """
    problems = [problem for override in overrides for problem in _problems(override)]
    if problems:
        raise CrosshashError(
            "overrides: each is KEY=VALUE with a key of params.yaml, such as twdh.quan_weight=0.1; "
            "text with spaces, commas or = stands in quotes, such as custom.path='/data/my photos'.\n"
            f"{listed(problems)}"
        )
    with modify_yaml(params) as content:
        content.update(values)
    try:
        apply_overrides(params, [_forced(override) for override in overrides])
    except InvalidArgumentError as error:
        raise CrosshashError(f"overrides: {error.__cause__}") from error


def absolute_paths(params: Path, checkout: Path) -> dict[str, str]:
    """Make relative paths absolute that lead somewhere in the checkout, but nowhere beside this params.yaml.

    Such are the user's files outside the repository and files that git does not track. Gives what changed.
    """
    changed = {}
    with modify_yaml(params) as content:
        for section, key in PATHS:
            path = _text(content, section, key)
            if path and not (params.parent / path).exists() and (checkout / path).exists():
                content[section][key] = changed[f"{section}.{key}"] = str((checkout / path).resolve())
    return changed


def _text(content: Mapping[str, Any], section: str, key: str) -> str | None:
    """Give a setting if it is there and a text."""
    values = content.get(section)
    value = values.get(key) if isinstance(values, Mapping) else None
    return value if isinstance(value, str) else None


def _problems(override: str) -> list[str]:
    """Say why an override cannot be used."""
    try:
        several = to_hydra_overrides([override])[0].is_sweep_override()
    except OverrideParseException as error:
        reason = " ".join(line for line in str(error).splitlines() if not line.startswith("See "))
        return [f"{override}: {reason}"]
    return [f"{override}: gives several values; a run takes one"] if several else []


def _forced(override: str) -> str:
    """Let an override add its key where it is missing; those with an operator of their own (+ ++ ~) stay."""
    return override if override.startswith(("+", "~")) else f"++{override}"
