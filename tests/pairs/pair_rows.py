"""The pair table as tests look at it, row by row; stages read the columns that they need."""

from __future__ import annotations

from pathlib import Path

from crosshash.pairs.table import SCHEMA, Pair, read_columns


def read_pairs(folder: Path) -> list[Pair]:
    """Read `pairs.parquet` of a data set's folder (`data/<dataset>`), in row order."""
    rows = read_columns(folder, SCHEMA.names).to_pylist()
    return [
        Pair(**{**row, "captions": tuple(row["captions"]), "labels": tuple(row["labels"])}) for row in rows
    ]
