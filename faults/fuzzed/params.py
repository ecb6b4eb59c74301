"""params.yaml with other lines; read again as DVC reads it, key by key."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.utils.serialize import load_yaml

from crosshash.config.outlook import warnings_of
from crosshash.config.params import load_params
from crosshash.config.resolve import resolve
from faults.fuzzed.given import Given, MeaninglessError, damaged
from stages.plan import settled_method

VALUES = (
    *(
        "",
        "null",
        "~",
        "-1",
        "0",
        "1",
        "2",
        "33",
        "2049",
        "016",
        "0o17",
        "0x10",
        "1_000",
        "1:30",
        "1e3",
        "1.0",
    ),
    *(
        "1e400",
        ".nan",
        ".inf",
        "-.inf",
        "-0.0",
        "1e-320",
        "0.999999",
        "9" * 20,
        "true",
        "no",
        "off",
        "'1'",
        '"16"',
    ),
    *(
        "[]",
        "[1, 2]",
        "{}",
        "{a: 1}",
        "*a",
        "&a 1",
        "!!str 1",
        "!!int '3'",
        "!!binary aGk=",
        "!!float 3",
        "2026-01-01",
    ),
    *(
        "auto",
        "none",
        "../../etc",
        "a/b",
        "\u00e9",
        "\U0001f600",
        "' '",
        "|\n    a\n    b",
        "!!python/object:os.x {}",
        "\0",
        "1 # one",
    ),
)


def make(dice: random.Random, folder: Path) -> Given:
    """Change one or two lines of params.yaml: a value, twice, away, deeper, or bytes."""
    lines = Path("params.yaml").read_text(encoding="utf-8").splitlines()
    keyed = [number for number, line in enumerate(lines) if ":" in line.partition("#")[0]]
    told = []
    for _ in range(dice.choice((1, 1, 1, 2))):
        number = dice.choice(keyed)
        key = lines[number].partition(":")[0]
        match dice.randrange(10):
            case 0:
                lines[number] += f"\n{lines[number]}"
            case 1:
                lines[number] = f"# {lines[number]}"
            case 2:
                lines[number] = f"  {lines[number]}"
            case 3:
                lines[number] = damaged(lines[number].encode(), dice).decode("utf-8", "surrogateescape")
            case _:
                lines[number] = f"{key}: {dice.choice(VALUES)}"
        told.append(lines[number][:80])
    path = folder / "params.yaml"
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))
    return Given(" & ".join(told), lambda: _read(path), lambda: _meant(path))


def _read(path: Path) -> object:
    params = load_params(path)
    settled = settled_method(params)  # as the stage does before it makes plans
    resolve(settled)
    warnings_of(settled)
    return _leaves(params.model_dump())


def _meant(path: Path) -> object:
    try:
        found = load_yaml(str(path))
    except (DvcException, ValueError) as error:
        raise MeaninglessError(str(error)) from error
    return _leaves(found)


def _leaves(value: Any, name: str = "") -> dict[str, tuple[str, object]]:  # noqa: ANN401 - YAML is what it is
    """Lay sections out by dotted key; a whole number and the same real one are alike, true and 1 are not."""
    if isinstance(value, dict):
        return {
            key: one for inner, part in value.items() for key, one in _leaves(part, f"{name}.{inner}").items()
        }
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {name: ("number", float(value)) if number else (type(value).__name__, value)}
