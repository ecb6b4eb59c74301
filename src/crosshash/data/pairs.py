"""The pair table: one row per item with its texts, its labels and its part of the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow
import pyarrow.parquet

from crosshash.artifacts import atomic_path, missing
from crosshash.errors import CrosshashError

NAME = "pairs.parquet"
PARTS = ("query", "train", "val", "rest")

SCHEMA = pyarrow.schema(
    {
        "id": pyarrow.string(),
        "image": pyarrow.string(),
        "captions": pyarrow.list_(pyarrow.string()),
        "labels": pyarrow.list_(pyarrow.string()),
        "part": pyarrow.string(),
    }
)


@dataclass(frozen=True)
class Pair:
    """A row of the pair table; `image` is a relative path or the name of a vector, `part` one of PARTS."""

    id: str
    image: str
    captions: tuple[str, ...]
    labels: tuple[str, ...]
    part: str


def write_pairs(folder: Path, pairs: Sequence[Pair]) -> None:
    """Write `pairs.parquet` into the data set's folder, the rows in the given order."""
    columns = {name: [getattr(pair, name) for pair in pairs] for name in SCHEMA.names}
    table = pyarrow.table(columns, schema=SCHEMA)
    with atomic_path(folder / NAME) as temporary:
        pyarrow.parquet.write_table(table, temporary, compression="zstd")


def read_pairs(folder: Path) -> list[Pair]:
    """Read `pairs.parquet` of a data set's folder (`data/<dataset>`), in row order.

    Raises:
        CrosshashError: the file is missing, cut or of another layout.
    """
    path = folder / NAME
    try:
        table = pyarrow.parquet.read_table(path, schema=SCHEMA)
    except FileNotFoundError:
        raise missing(path) from None
    except (pyarrow.ArrowException, OSError) as error:
        raise CrosshashError(f"{path}: cannot be read ({error}). Delete it and run `dvc repro`.") from None
    return [
        Pair(row["id"], row["image"], tuple(row["captions"]), tuple(row["labels"]), row["part"])
        for row in table.to_pylist()
    ]
