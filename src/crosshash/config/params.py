"""params.yaml as one checked value; every problem is listed at once, unknown keys with the nearest known one."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

import crosshash.config.datasets
import crosshash.config.methods
from crosshash.config import stages
from crosshash.config.section import Section
from crosshash.errors import CrosshashError, listed


class CommonParams(Section):
    """Everything but the sections of the methods and data sets."""

    dataset: str
    method: str
    bits: Annotated[int, Field(ge=1, le=2048)]
    seed: Annotated[int, Field(ge=0)]
    device: Literal["auto", "cpu", "cuda"]
    split: stages.SplitSection
    convert: stages.ConvertSection
    transform: stages.TransformSection
    model: stages.ModelSection
    train: stages.TrainSection
    encode: stages.EncodeSection
    evaluate: stages.EvaluateSection
    report: stages.ReportSection

    @property
    def method_section(self) -> Any:  # noqa: ANN401 - the section's type depends on the method's name
        """The chosen method's own settings."""
        return getattr(self, self.method)

    @property
    def dataset_section(self) -> Any:  # noqa: ANN401 - the section's type depends on the data set's name
        """The chosen data set's own settings."""
        return getattr(self, self.dataset)


def names_in(package: Iterable[str]) -> tuple[str, ...]:
    """List the modules of a package: one file = one method, or one data set."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package)))


METHODS = names_in(crosshash.config.methods.__path__)
DATASETS = names_in(crosshash.config.datasets.__path__)


def _params_model() -> type[CommonParams]:
    """Join the common part with one section per method and per data set, found by their files."""
    fields: dict[str, Any] = {"dataset": (Literal[DATASETS], ...), "method": (Literal[METHODS], ...)}
    for name in METHODS:
        fields[name] = (importlib.import_module(f"crosshash.config.methods.{name}").MethodSection, ...)
    for name in DATASETS:
        fields[name] = (importlib.import_module(f"crosshash.config.datasets.{name}").DatasetSection, ...)
    return create_model("Params", __base__=CommonParams, **fields)


Params = _params_model()


def load_params(path: Path) -> CommonParams:
    """Read and check params.yaml.

    Raises:
        CrosshashError: lists every unknown key, missing key and bad value of the file.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CrosshashError(f"{path}: not found. Run the command in the project's folder.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CrosshashError(f"{path}: is not valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise CrosshashError(f"{path}: holds no keys. Restore it with `git checkout {path}`.")
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors()]
        raise CrosshashError(
            f"{path}: {len(problems)} problem(s):\n{listed(problems)}\n"
            f"Mend them in {path.name}, or with `-S key=value`. After a failed `dvc exp run -S`, "
            f"`git checkout {path.name}` brings the committed settings back."
        ) from None


def _problem(detail: ErrorDetails) -> str:
    """Word one of pydantic's findings for somebody who looks at params.yaml."""
    keys = [str(part) for part in detail["loc"] if _is_key(str(part))]
    where = ".".join(keys)
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, _known_keys(Params), n=1, cutoff=0.4)
        return f"{where}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    if detail["type"] == "missing":
        return f"{where}: missing key"
    message = detail["msg"].replace("Input should be", "must be")
    return f"{where}: {message} (found {detail['input']!r})"


def _is_key(part: str) -> bool:
    """Tell keys of the file from the marks that pydantic adds for the members of a union."""
    return part.isidentifier() and part not in {"int", "float", "str", "none"}


def _known_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """List all keys of a model, those in sections as `section.key`."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        keys.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += _known_keys(field.annotation, f"{prefix}{name}.")
    return keys


def unknown_keys(raw: Mapping[str, Any]) -> set[str]:
    """Keys of the model that `raw` lacks, or has too many: empty when file and model agree."""

    def flat(value: Mapping[str, Any], prefix: str = "") -> set[str]:
        keys: set[str] = set()
        for key, inner in value.items():
            keys.add(prefix + key)
            if isinstance(inner, dict):
                keys |= flat(inner, f"{prefix}{key}.")
        return keys

    return flat(raw) ^ set(_known_keys(Params))
