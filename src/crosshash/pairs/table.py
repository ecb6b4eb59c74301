"""The pair table: one row per item with its texts, its labels and its part of the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow

from crosshash.errors import CrosshashError
from crosshash.parquet import read_parquet, write_parquet

NAME = "pairs.parquet"
PARTS = ("query", "train", "val", "rest")
BLOCK = 1 << 17  # rows laid out as columns at a time, a row group of the file each

SCHEMA = pyarrow.schema(
    {
        "id": pyarrow.string(),
        "image": pyarrow.string(),
        "captions": pyarrow.list_(pyarrow.string()),
        "labels": pyarrow.list_(pyarrow.string()),
        "part": pyarrow.string(),
    }
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A row of the pair table; `image` is a path below the raw files or the id, `part` one of PARTS."""

    id: str
    image: str
    captions: tuple[str, ...]
    labels: tuple[str, ...]
    part: str


def write_pairs(folder: Path, pairs: Sequence[Pair]) -> None:
    """Write `pairs.parquet` into the data set's folder, the rows in the given order."""
    blocks = (pairs[start : start + BLOCK] for start in range(0, max(len(pairs), 1), BLOCK))
    columns = ({name: [getattr(pair, name) for pair in block] for name in SCHEMA.names} for block in blocks)
    tables = (pyarrow.table(one, schema=SCHEMA) for one in columns)
    write_parquet(folder / NAME, SCHEMA, tables, compression="zstd")


def texts(column: pyarrow.ChunkedArray) -> np.ndarray:
    """Give a column of texts as `<U`[N], a row group at a time."""
    parts = [np.array(chunk.to_pylist(), dtype=np.str_) for chunk in column.chunks if len(chunk)]
    return np.concatenate(parts) if parts else np.zeros(0, np.str_)


def read_columns(folder: Path, columns: Sequence[str]) -> pyarrow.Table:
    """Read some columns of `pairs.parquet`, in row order.

    Raises:
        CrosshashError: the file is missing, cut, differs from its checksum, or is of another layout.
    """
    table = read_parquet(folder / NAME, columns)
    try:
        return table.cast(pyarrow.schema([SCHEMA.field(name) for name in columns]))
    except pyarrow.ArrowException as error:
        raise CrosshashError(
            f"{folder / NAME}: is of another layout ({error}). Delete it and run `dvc repro`."
        ) from None
