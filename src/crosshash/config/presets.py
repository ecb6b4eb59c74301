"""Presets: small files beside params.yaml, each a choice of settings that belong together."""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosshash.artifacts import write_text
from crosshash.config.near_keys import nearest_key
from crosshash.config.params import known_keys, load_params
from crosshash.config.yaml_text import parse_yaml
from crosshash.errors import CrosshashError, listed

FOLDER = Path("presets")
PARAMS = Path("params.yaml")
PLAIN = re.compile(r"[\w./+-]+")
"""What a shell and DVC's `-S` take as it is."""


@dataclass(frozen=True)
class Preset:
    """A preset's name (`published/hq-nuswide`), what its first line says, and `key=value` of each setting."""

    name: str
    title: str
    settings: tuple[str, ...]


def list_presets(project: Path) -> list[Preset]:
    """Read every preset of a project, by name.

    Raises:
        CrosshashError: there are none, or one of them is damaged.
    """
    names = _names(project)
    if not names:
        raise CrosshashError(
            f"{project / FOLDER}: no presets. Run the command in the project's folder, or add --project."
        )
    return [read_preset(project, name) for name in names]


def read_preset(project: Path, name: str) -> Preset:
    """Read `presets/<name>.yaml`.

    Raises:
        CrosshashError: no such preset, or a file that holds something else than settings of params.yaml.
    """
    names = _names(project)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.3)
        raise CrosshashError(
            f"there is no preset '{name}' in {project / FOLDER}"
            f"{f'; did you mean {near[0]}?' if near else '.'} `crosshash preset` lists them all."
        )
    path = project / FOLDER / f"{name}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
        raw = parse_yaml(text)
    except ValueError as error:
        raise CrosshashError(f"{path}: is no valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise CrosshashError(f"{path}: holds no settings. Write them as in params.yaml.")
    settings = dict(_leaves(raw, ""))
    if problems := _problems(settings):
        raise CrosshashError(f"{path}: {len(problems)} problem(s):\n{listed(problems)}")
    first = text.partition("\n")[0]
    title = first.removeprefix("#").strip() if first.startswith("#") else ""
    return Preset(name, title, tuple(f"{key}={value}" for key, value in settings.items()))


def write_preset(project: Path, preset: Preset) -> None:
    """Put a preset into params.yaml, comments kept; an unfit one leaves the file as it was.

    Raises:
        CrosshashError: params.yaml is missing, or its values do not fit together with the preset's.
    """
    from dvc.utils.hydra import apply_overrides

    params = project / PARAMS
    load_params(params)
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / PARAMS
        changed.write_text(params.read_text(encoding="utf-8"), encoding="utf-8")
        apply_overrides(changed, list(preset.settings))
        try:
            load_params(changed)
        except CrosshashError as error:
            found = str(error).partition("\nMend")[0].replace(str(changed), f"preset {preset.name}")
            raise CrosshashError(found) from None
        write_text(params, changed.read_text(encoding="utf-8"))


def _names(project: Path) -> list[str]:
    folder = project / FOLDER
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml"))


def _problems(settings: dict[str, str]) -> list[str]:
    known, problems = known_keys(), []
    for key, value in settings.items():
        if key not in known:
            near = nearest_key(key, known)
            problems.append(f"{key}: unknown key" + (f"; did you mean {near}?" if near else ""))
        elif not PLAIN.fullmatch(value):
            problems.append(f"{key}: '{value}' cannot be passed on by -S; set it in params.yaml")
    return problems


def _leaves(section: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield `section.key` and the value as `-S` wants it."""
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _word(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)
