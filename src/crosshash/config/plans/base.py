"""A plan: the checked settings of one stage, nothing more, written by the plan stage, read by that stage."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from crosshash.artifacts import missing
from crosshash.config.yaml_text import parse_yaml
from crosshash.errors import CrosshashError, listed

FOLDER = Path("plan")
CODE = "code"
"""Key of the digest of the stage's code, which stands beside its settings so that DVC sees both change."""

Settings = dict[str, float | int | str | bool | None]
"""A method's or data set's own section, already checked, passed on as keyword arguments."""


class Plan(BaseModel):
    """Base of the per-stage plans: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


P = TypeVar("P", bound=Plan)


def settings_of(path: Path) -> str:
    """Read a plan file without the digest of the code."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(f"{CODE}: "))


def read_plan(stage: str, kind: type[P], folder: Path = FOLDER) -> P:
    """Read `plan/<stage>.yaml`.

    Raises:
        CrosshashError: the file is missing, cut or of another version of crosshash.
    """
    path = folder / f"{stage}.yaml"
    try:
        return kind.model_validate(parse_yaml(settings_of(path)))
    except FileNotFoundError:
        raise missing(path) from None
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise CrosshashError(
            f"{path}: does not fit this version; run `dvc repro plan`:\n{listed(problems)}"
        ) from None
    except ValueError as error:
        raise CrosshashError(f"{path}: is no valid YAML ({error}); run `dvc repro plan`.") from None
