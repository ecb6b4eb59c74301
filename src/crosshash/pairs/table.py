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
    with (
        atomic_path(folder / NAME) as temporary,
        pyarrow.parquet.ParquetWriter(temporary, SCHEMA, compression="zstd") as file,
    ):
        for start in range(0, max(len(pairs), 1), BLOCK):
            block = pairs[start : start + BLOCK]
            columns = {name: [getattr(pair, name) for pair in block] for name in SCHEMA.names}
            file.write_table(pyarrow.table(columns, schema=SCHEMA))


def read_pairs(folder: Path) -> list[Pair]:
    """Read `pairs.parquet` of a data set's folder (`data/<dataset>`), in row order.

    Raises:
        CrosshashError: the file is missing, cut or of another layout.
    """
    found: list[Pair] = []
    for block in _read(folder / NAME, SCHEMA.names).to_batches(BLOCK):
        columns = (column.to_pylist() for column in block.columns)
        found += (
            Pair(item, image, tuple(captions), tuple(labels), part)
            for item, image, captions, labels, part in zip(*columns, strict=True)
        )
    return found


def _read(path: Path, columns: Sequence[str]) -> pyarrow.Table:
    try:
        return pyarrow.parquet.read_table(path, columns=list(columns), schema=SCHEMA)
    except FileNotFoundError:
        raise missing(path) from None
    except (pyarrow.ArrowException, OSError) as error:
        raise CrosshashError(f"{path}: cannot be read ({error}). Delete it and run `dvc repro`.") from None
