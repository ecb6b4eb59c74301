"""The data sets that crosshash knows: what they are, and what of them is on this machine."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from crosshash.acquire.publisher import Source
from crosshash.acquire.receipts import RECEIVED, is_whole, read_receipt
from crosshash.config.params import DATASETS
from crosshash.config.section import Section
from crosshash.config.stage_sections import DownloadSection
from crosshash.config.yaml_text import parse_yaml
from crosshash.errors import CrosshashError
from crosshash.pairs.info import DatasetInfo, read_info
from crosshash.pairs.raw_record import all_there, read_raw
from crosshash.pairs.table import PARTS

S = TypeVar("S", bound=Section)
State = Literal["absent", "raw", "converted", "error"]


@dataclass(frozen=True)
class Here:
    """What of a data set is on this machine."""

    state: State
    raw_bytes: int | None = None
    info: DatasetInfo | None = None
    converted_bytes: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class DatasetEntry:
    """A data set.

    what: a few words. state: `raw`, its files are all here; `converted`, its folder in data/ is; `error`, for
    which `problem` gives the reason. pairs: once converted. classes: None where the data decide. query,
    train: a count, or a share below 1, of its protocol. raw_bytes: of the raw files that are recorded;
    converted_bytes: of data/<name>. page: in the repository.
    """

    name: str
    what: str
    state: State
    problem: str | None
    pairs: int | None
    classes: int | None
    query: int | float
    train: int | float
    raw_bytes: int | None
    converted_bytes: int | None
    page: str


def list_datasets(project: Path, raw: Path) -> list[DatasetEntry]:
    """Describe every data set, by name.

    project: folder with params.yaml; in any other folder only raw files are looked for. raw: the folder of
    all raw files.

    Raises:
        CrosshashError: params.yaml is not valid YAML. What is wrong with one data set stands in its entry.
    """
    params = _params(project / "params.yaml")
    return [_entry(name, project, raw, params) for name in DATASETS]


def _params(path: Path) -> Mapping[str, Any] | None:
    """Read the sections, each of which is checked on its own; None without a file."""
    try:
        value = parse_yaml(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise CrosshashError(f"{path}: is not valid YAML: {error}") from None
    return value if isinstance(value, dict) else {}


def _entry(name: str, project: Path, raw: Path, params: Mapping[str, Any] | None) -> DatasetEntry:
    module: Any = importlib.import_module(f"crosshash.datasets.{name}")
    section: Any = importlib.import_module(f"crosshash.config.datasets.{name}").DatasetSection
    here = Here("absent")
    try:
        here = _received(raw, getattr(module, "SOURCES", ()))
        if params is not None:
            place = module.folder(raw, **_settings(section, name, project, params))
            if not section.published and place.is_dir():
                here = Here("raw")
            here = _in_project(name, project, place, here)
    except CrosshashError as error:
        here = replace(here, state="error", problem=str(error))
    except OSError as error:
        problem = f"{error.filename}: cannot be read ({error.strerror})."
        here = replace(here, state="error", problem=problem)
    return DatasetEntry(
        name=name,
        what=(module.__doc__ or "").split("\n", 1)[0].removeprefix(f"`{name}`: ").split(", ")[0].rstrip("."),
        state=here.state,
        problem=here.problem,
        pairs=None if here.info is None else sum(here.info.counts[part] for part in PARTS),
        classes=len(here.info.classes if here.info else getattr(module, "CLASSES", ())) or None,
        query=module.SIZES.query,
        train=module.SIZES.train,
        raw_bytes=here.raw_bytes,
        converted_bytes=here.converted_bytes,
        page=getattr(module, "DOCS", f"docs/datasets/{name}.md"),
    )


def _in_project(name: str, project: Path, place: Path, here: Here) -> Here:
    """See what the download and convert stages have left; recorded files count if they all are in `place`."""
    record, converted = project / "data" / "raw" / f"{name}.json", project / "data" / name
    if record.exists():
        files = read_raw(record)
        if all_there(place, files):
            here = replace(here, state="raw", raw_bytes=sum(file.size for file in files))
    if not converted.is_dir():
        return here
    return replace(here, state="converted", info=read_info(converted), converted_bytes=_size(converted))


def _settings(section: Any, name: str, project: Path, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Check the data set's own section of params.yaml, and `download` if it is a published one."""
    values: dict[str, Any] = _checked(section, name, params).model_dump()
    if section.published:
        values["local"] = _checked(DownloadSection, "download", params).local
    places = {key: str(project / values[key]) for key in ("path", "local") if values.get(key)}
    return values | places


def _checked(model: type[S], key: str, params: Mapping[str, Any]) -> S:
    try:
        return model.model_validate(params.get(key, {}))
    except ValidationError as error:
        problems = [
            ".".join(map(str, (key, *found["loc"]))) + f": {found['msg']}" for found in error.errors()
        ]
        raise CrosshashError(f"params.yaml: {'; '.join(problems)}") from None


def _received(raw: Path, sources: Sequence[Source]) -> Here:
    """See whether a folder below `raw` holds all that came out of the sources."""
    for place in sorted(raw.iterdir()) if sources and raw.is_dir() else ():
        receipts = [read_receipt(place / RECEIVED, source.name) for source in sources]
        if all(receipt is not None and is_whole(receipt, place) for receipt in receipts):
            return Here("raw", sum(file.size for receipt in receipts if receipt for file in receipt.files))
    return Here("absent")


def _raise(error: OSError) -> None:
    raise error


def _size(place: Path) -> int:
    """Sum the sizes of all files below a folder."""
    total = 0
    for folder, _, names in os.walk(place, onerror=_raise):
        paths = (os.path.join(folder, name) for name in names)
        total += sum(os.path.getsize(path) for path in paths if os.path.isfile(path))
    return total


def catalog_table(entries: Sequence[DatasetEntry]) -> Table:
    """Lay the data sets out as a table that fits a terminal of 80 columns."""
    table = Table("data set", "state", box=SIMPLE_HEAD, caption="more in docs/datasets/README.md")
    for column in ("pairs", "classes", "queries\ntraining", "raw\nconverted"):
        table.add_column(column, justify="right")
    for entry in entries:
        table.add_row(
            f"[bold]{escape(entry.name)}[/bold]\n{escape(entry.what)}",
            entry.state,
            _number(entry.pairs),
            _number(entry.classes),
            f"{_number(entry.query)}\n{_number(entry.train)}",
            f"{_megabytes(entry.raw_bytes)}\n{_megabytes(entry.converted_bytes)}",
        )
    return table


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1%}" if value < 1 else f"{value:,}"


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:,.1f} MB"
