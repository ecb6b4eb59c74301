"""Pictures in a column of parquet files: read one after the other, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crosshash.errors import CrosshashError

BUFFER = 1 << 20
"""Bytes of a column read at a time, if `pre_buffer` is off: else pyarrow holds whole row groups (26.0.1)."""


@dataclass(frozen=True)
class PictureColumn:
    """Pictures of parquet files, in their order: a column of bytes, or of structs with `bytes` and `path`."""

    files: tuple[Path, ...]
    column: str
    count: int

    def __len__(self) -> int:
        return self.count

    def chunks(self, size: int) -> Iterator[list[bytes | str]]:
        """Give all pictures, at most `size` at a time; where there is none, a text that says so.

        Raises:
            CrosshashError: a file cannot be read.
        """
        for path in self.files:
            for batch in column_batches(path, [self.column], size):
                with parquet_named(path):  # names are decoded as they are taken
                    pictures = _pictures(batch.column(0))
                yield pictures


def column_batches(path: Path, columns: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
    """Read columns of a parquet file, at most `size` rows at a time, on this thread.

    Raises:
        CrosshashError: the file is missing, cut, damaged or no parquet.
    """
    with parquet_named(path), pq.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False) as file:
        yield from file.iter_batches(size, columns=list(columns), use_threads=False)


@contextmanager
def parquet_named(path: Path) -> Iterator[None]:
    """Turn what pyarrow raises into an error that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise CrosshashError(
            f"{path}: cannot be read as parquet ({first}); it is missing, cut or damaged. Fetch or write it "
            "again."
        ) from None


def _pictures(column: pa.Array) -> list[bytes | str]:
    names = [None] * len(column)
    if pa.types.is_struct(column.type):
        if column.type.get_field_index("path") >= 0:
            names = _field(column, "path").to_pylist()
        column = _field(column, "bytes")
    found = zip(column.to_pylist(), names, strict=True)
    return [_missing(name) if data is None else data for data, name in found]


def _field(column: pa.StructArray, name: str) -> pa.Array:
    """Give a field of structs, null where the struct is."""
    return column.flatten()[column.type.get_field_index(name)]


def _missing(name: str | None) -> str:
    if name is None:
        return "there is no picture"
    return f"there are no bytes, only the name '{name}': save the set with its pictures taken in"
