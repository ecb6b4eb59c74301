"""Choices written into params.yaml, the reasons as a comment on top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from crosshash.artifacts import write_text
from crosshash.config.params import load_params
from crosshash.config.presets import FOLDER, PARAMS
from crosshash.config.yaml_text import parse_yaml
from crosshash.newproject.choices import Choice

PRESET = "preset"


def write_choices(project: Path, choices: Iterable[Choice]) -> None:
    """Change params.yaml, comments kept.

    Raises:
        CrosshashError: values that params.yaml does not take.
    """
    from dvc.utils.serialize import modify_yaml

    chosen = list(choices)
    params = project / PARAMS
    with modify_yaml(params) as content:
        for key, value in _settings(project, chosen):
            place = content
            *sections, name = key.split(".")
            for section in sections:
                place = place[section]
            place[name] = value
    told = "".join(f"#   {line}\n" for line in described(chosen))
    write_text(
        params,
        f"# Chosen by `crosshash init`, and why; change what you like:\n{told}\n{params.read_text('utf-8')}",
    )
    load_params(params)


def described(choices: Iterable[Choice]) -> list[str]:
    """Give a line for each choice that has a reason."""
    lines = [
        (f"{one.key}: {'null' if one.value is None else one.value}", one.reason)
        for one in choices
        if one.reason
    ]
    width = max((len(line) for line, _ in lines), default=0)
    return [f"{line:<{width}}  {reason}" for line, reason in lines]


def _settings(project: Path, choices: Iterable[Choice]) -> Iterator[tuple[str, Any]]:
    """Give keys and values, those of presets one by one."""
    for one in choices:
        if one.key == PRESET:
            text = (project / FOLDER / f"{one.value}.yaml").read_text(encoding="utf-8")
            yield from _leaves(parse_yaml(text), "")
        else:
            yield one.key, one.value


def _leaves(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
