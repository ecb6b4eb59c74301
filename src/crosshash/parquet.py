"""Parquet files with a checksum in their metadata, which is compared when they are read.

pyarrow has checksums of its own, but only of pages: names of columns, counts and statistics are not covered.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crosshash.artifacts import CHECKSUM, REMEDY, atomic_path, missing
from crosshash.checksums import BLANK, check, seal
from crosshash.errors import CrosshashError

LARGE = 1_000_000
"""Rows from which a table that is searched is written in row groups, and read by them."""
GROUP = 8_192  # rows of such a group, which is read for a single one in about a millisecond


def in_groups(table: pa.Table) -> Iterator[pa.Table]:
    """Cut a table into what is to be a row group each; of fewer than LARGE rows, all is one."""
    if table.num_rows < LARGE:
        yield table
        return
    for start in range(0, table.num_rows, GROUP):
        yield table.slice(start, GROUP)


def write_parquet(
    path: Path,
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    compression: str = "snappy",
    notes: Mapping[str, str] | None = None,
    durable: bool = False,
) -> None:
    """Write tables of one schema atomically, a row group each; equal tables give equal bytes.

    notes: texts to stand in the metadata of the file, beside those of the schema. durable: as of
    `atomic_path`.
    """
    with atomic_path(path, durable) as temporary:
        with pq.ParquetWriter(temporary, schema, compression=compression) as file:
            for table in tables:
                file.write_table(table)
            file.add_key_value_metadata({**(notes or {}), CHECKSUM: BLANK})
        seal(temporary)


def read_parquet(path: Path, columns: Sequence[str] | None = None, remedy: str = REMEDY) -> pa.Table:
    """Read columns of a parquet file, all without any given.

    Raises:
        CrosshashError: it is missing, cut, differs from its checksum, or lacks a column.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise missing(path) from None
    except OSError as error:
        raise CrosshashError(f"{path}: cannot be read ({error.strerror}). {remedy}") from None
    return parse_parquet(content, str(path), columns, remedy)


def parse_parquet(content: bytes, name: str, columns: Sequence[str] | None, remedy: str) -> pa.Table:
    """Read columns of the content of a parquet file; `name`: what messages call it.

    Raises:
        CrosshashError: as `read_parquet`.
    """
    try:
        check(io.BytesIO(content))
        file = pq.ParquetFile(pa.BufferReader(content))
        absent = [column for column in columns or () if column not in file.schema_arrow.names]
        if absent:
            raise CrosshashError(f"{name}: no column {', '.join(absent)}. {remedy}")
        return file.read(columns=None if columns is None else list(columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CrosshashError(f"{name}: cannot be read as parquet ({error}). {remedy}") from None


def notes_of(content: bytes) -> dict[str, str]:
    """Give the notes in the metadata of a parquet file that was read and found whole."""
    found = pq.read_metadata(pa.BufferReader(content)).metadata or {}
    return {key.decode(): text.decode() for key, text in found.items()}
