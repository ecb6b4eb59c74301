"""A plan: the checked settings of one stage, nothing more, written by the plan stage, read by that stage."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from crosshash.artifacts import altered, missing
from crosshash.checksums import BLANK, AlteredError, check, seal
from crosshash.config.yaml_text import parse_yaml, yaml_text
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


def write_plan(path: Path, code: str, plan: Plan) -> None:
    """Write a plan file, its checksum first: one at its end would be lost where the file is cut."""
    text = yaml_text({CODE: code} | plan.model_dump())
    path.write_text(f"# {BLANK}\n{text}", encoding="utf-8")
    seal(path, head=True)


def settings_of(path: Path) -> str:
    """Read a plan file without its checksum and the digest of the code.

    Raises:
        CrosshashError: it is missing, cut, or differs from its checksum.
    """
    try:
        content = path.read_bytes()
        check(io.BytesIO(content), head=True)
        lines = content.decode("utf-8").splitlines(keepends=True)
        text = "".join(line for line in lines if not line.startswith((f"{CODE}: ", "#")))
        if not isinstance(parse_yaml(text), dict):
            raise CrosshashError(f"{path}: holds no settings; run `dvc repro plan`.")
    except FileNotFoundError:
        raise missing(path) from None
    except AlteredError as error:
        raise altered(path, error, "Run `dvc repro plan`.") from None
    except ValueError as error:
        raise CrosshashError(f"{path}: is no valid YAML ({error}); run `dvc repro plan`.") from None
    return text


def read_plan(stage: str, kind: type[P], folder: Path = FOLDER) -> P:
    """Read `plan/<stage>.yaml`.

    Raises:
        CrosshashError: the file is missing, cut, differs from its checksum, or is of another version.
    """
    path = folder / f"{stage}.yaml"
    text = settings_of(path)
    try:
        return kind.model_validate(parse_yaml(text))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise CrosshashError(
            f"{path}: does not fit this version; run `dvc repro plan`:\n{listed(problems)}"
        ) from None
