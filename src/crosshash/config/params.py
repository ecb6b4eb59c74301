"""params.yaml as one checked value; all problems are listed at once, unknown keys with the nearest known."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

import crosshash.config.datasets
import crosshash.config.methods
from crosshash.config import stage_sections as stages
from crosshash.config.method_settings import MethodSettings
from crosshash.config.near_keys import nearest_key
from crosshash.config.published_protocol import Published
from crosshash.config.section import Section
from crosshash.config.yaml_text import parse_yaml
from crosshash.errors import CrosshashError, listed


class CommonParams(Section):
    """Everything but the sections of the methods and data sets."""

    dataset: str
    method: str
    bits: Annotated[int, Field(ge=1, le=2048)]
    seed: Annotated[int, Field(ge=0)]
    protocol: Literal["strict", "published"]
    device: Literal["auto", "cpu", "cuda"]
    threads: Literal["auto"] | Annotated[int, Field(ge=1)]
    download: stages.DownloadSection
    split: stages.SplitSection
    convert: stages.ConvertSection
    transform: stages.TransformSection
    model: stages.ModelSection
    train: stages.TrainSection
    infer: stages.InferSection
    encode: stages.EncodeSection
    evaluate: stages.EvaluateSection
    index: stages.IndexSection
    report: stages.ReportSection

    @property
    def method_section(self) -> MethodSettings:
        """The chosen method's own settings."""
        section: MethodSettings = getattr(self, self.method)
        return section

    @property
    def dataset_section(self) -> Any:  # noqa: ANN401 - the section's type depends on the data set's name
        """The chosen data set's own settings."""
        return getattr(self, self.dataset)


def names_in(package: Iterable[str]) -> tuple[str, ...]:
    """List the modules of a package: one file = one method, or one data set."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package)))


AUTO = "auto"
"""In place of a method: one that fits the data and the networks, settled by `fitting_method`."""
METHODS = names_in(crosshash.config.methods.__path__)
DATASETS = names_in(crosshash.config.datasets.__path__)


def fitting_method(model: stages.ModelSection, labelled: bool) -> tuple[str, str]:
    """Settle `method: auto`: give the method, and why.

    labelled: whether items of the data set have labels.
    """
    if labelled:
        return "twdh", "items have labels, and it finds most with them"
    if model.pretrained is not None and model.image == model.text:
        return "shared", "no item has a label, and both networks are one model, whose space they share"
    return "cca", "no item has a label, and it learns from pairs alone, in seconds"


def published_of(method: str) -> Published:
    """Give the convention of a method's own paper."""
    section = importlib.import_module(f"crosshash.config.methods.{method}").MethodSection
    found: Published = section.published
    return found


def supervised_by(method: str) -> bool | None:
    """Say whether a method learns from labels; None for one that there is not."""
    if method not in METHODS:
        return None
    section = importlib.import_module(f"crosshash.config.methods.{method}").MethodSection
    return bool(section.supervised)


def _params_model() -> type[CommonParams]:
    """Join the common part with one section per method and per data set, found by their files."""
    fields: dict[str, Any] = {"dataset": (Literal[DATASETS], ...), "method": (Literal[(*METHODS, AUTO)], ...)}
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
        raw = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CrosshashError(f"{path}: not found. Run the command in the project's folder.") from None
    except ValueError as error:
        raise CrosshashError(f"{path}: is not valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise CrosshashError(f"{path}: holds no keys. Restore it with `git checkout {path}`.")
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        problems = _problems(error.errors())
        raise CrosshashError(
            f"{path}: {len(problems)} problem(s):\n{listed(problems)}\n"
            f"Mend them in {path.name}, or with `-S key=value`. After a failed `dvc exp run -S`, "
            f"`git checkout {path.name}` brings the committed settings back."
        ) from None


def _problems(details: Iterable[ErrorDetails]) -> list[str]:
    """Word pydantic's findings for somebody who looks at params.yaml; one line per key."""
    known = known_keys()
    lines: dict[str, str] = {}
    for detail in details:
        path = [str(part) for part in detail["loc"]]
        if detail["type"] in {"extra_forbidden", "invalid_key"}:
            where = ".".join(path)
            near_key = nearest_key(where, known)
            lines[where] = "unknown key" + (f"; did you mean {near_key}?" if near_key else "")
            continue
        # After the key stand pydantic's own marks for the members of a union: the longest known key is meant.
        where = next(key for end in range(len(path), 0, -1) if (key := ".".join(path[:end])) in known)
        lines[where] = _joined(lines.get(where), detail)
    return [f"{where}: {line}" for where, line in lines.items()]


def _joined(before: str | None, detail: ErrorDetails) -> str:
    """Word one finding, after what another member of the same union had to say."""
    if detail["type"] == "missing":
        return "missing key"
    message = detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if detail["type"] == "model_type":
        message = "must be a section of keys"
    allowed = re.findall("'([^']+)'", detail.get("ctx", {}).get("expected", ""))
    near = difflib.get_close_matches(str(detail["input"]).lower(), allowed, 1, 0.7)  # as papers spell: TwDH
    found = f" (found {detail['input']!r}{'; did you mean ' + near[0] + '?' if near else ''})"
    return (before.removesuffix(found) + ", or " if before else "") + message + found


def known_keys() -> list[str]:
    """List all keys of params.yaml, those in sections as `section.key`."""
    return _keys(Params, "")


def _keys(model: type[BaseModel], prefix: str) -> list[str]:
    keys: list[str] = []
    for name, field in model.model_fields.items():
        keys.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += _keys(field.annotation, f"{prefix}{name}.")
    return keys
