"""What a converted data set holds: kinds, sizes, classes, counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from crosshash.artifacts import read_json, write_json
from crosshash.errors import CrosshashError

NAME = "info.json"


@dataclass(frozen=True)
class DatasetInfo:
    """The content of info.json.

    image_kind: `none` where only texts and labels are at hand. image_dim, text_dim: width of the vectors,
    None for all else. counts: items in `query`, `train`, `val`, `rest`, and those `unlabelled`,
    `captionless`. chance: that two labelled items share a class. mean_labels: labels of a labelled item.
    """

    dataset: str
    image_kind: Literal["jpeg", "vector", "none"]
    text_kind: Literal["caption", "vector"]
    image_dim: int | None
    text_dim: int | None
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    chance: float | None
    mean_labels: float | None = None


def write_info(folder: Path, info: DatasetInfo) -> None:
    """Write `info.json` into the data set's folder."""
    write_json(folder / NAME, asdict(info))


def read_info(folder: Path) -> DatasetInfo:
    """Read `info.json` of a data set's folder (`data/<dataset>`).

    Raises:
        CrosshashError: the file is missing, cut or of another version.
    """
    path = folder / NAME
    value = read_json(path)
    try:
        return DatasetInfo(**{**value, "classes": tuple(value["classes"])})
    except (TypeError, KeyError) as error:
        raise CrosshashError(
            f"{path}: does not fit this version ({error}). Delete it and run `dvc repro`."
        ) from None
