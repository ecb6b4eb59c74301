"""`parquet`: parquet files with the pictures in them, as Hugging Face gives data sets out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from crosshash.datasets.containers.named_files import named_files
from crosshash.datasets.containers.parquet_columns import read_schema, type_of
from crosshash.datasets.containers.parquet_items import ParquetItems
from crosshash.datasets.readers.given_folder import given_folder
from crosshash.datasets.readers.unread import unread_files
from crosshash.errors import CrosshashError
from crosshash.formats.picture_column import PictureColumn
from crosshash.pairs.raw_record import describe_files
from crosshash.pairs.source import RawFile, RawItems, SplitSizes
from crosshash.workers.progress import tracked

SIZES = SplitSizes(query=0.125, train=0.875)
ROWS = 64
"""Rows in which one picture at least must be there."""


def folder(raw: Path, path: str, **_columns: str | None) -> Path:
    """Give the user's folder; nothing of it is copied to `raw`.

    Raises:
        CrosshashError: it is not there, or no folder.
    """
    return given_folder("parquet.path", path, "the .parquet files of a data set")


def fetch(raw: Path, path: str, files: str, **_columns: str | None) -> list[RawFile]:
    """List the parquet files."""
    place = folder(raw, path)
    return describe_files(place, named_files(place, "parquet.files", files))


def read(
    raw: Path,
    path: str,
    files: str,
    image: str,
    caption: str | None,
    labels: str | None,
    id: str | None,  # noqa: A002
) -> RawItems:
    """Read texts, labels and ids; pictures are read later, in the order of the files and rows.

    image, caption, labels, id: names of columns. Without ids of its own an item is its file and row.

    Raises:
        CrosshashError: a file cannot be read, a column is not there or holds something else.
    """
    place = folder(raw, path)
    names = named_files(place, "parquet.files", files)
    found = ParquetItems("parquet", {"caption": caption, "labels": labels, "id": id})
    for name in tracked(names, len(names), "parquet", "files"):
        schema, _ = read_schema(place / name)
        _check_pictures(place / name, type_of(place / name, schema, "parquet.image", image), image)
        found.add(place / name, name.removesuffix(".parquet"))
    pictures = PictureColumn(tuple(place / name for name in names), image, len(found.items))
    return RawItems(tuple(found.items), found.classes(), pictures, warnings=unread_files(place, []))


def _check_pictures(path: Path, kind: pa.DataType, name: str) -> None:
    """Refuse a column that cannot hold pictures.

    Raises:
        CrosshashError: it holds neither bytes nor structs with a field `bytes`, or names of files alone.
    """
    held = kind
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        held = kind.field("bytes").type
        _refuse_names_alone(path, name)
    if pa.types.is_binary(held) or pa.types.is_large_binary(held) or pa.types.is_null(held):
        return
    raise CrosshashError(
        f"{path}: the column of parquet.image holds {kind}; pictures are bytes, or structs of bytes and "
        "path, one a row. Name another column in params.yaml, or save the set with its pictures taken in."
    )


def _refuse_names_alone(path: Path, name: str) -> None:
    """Refuse a set without its pictures at its first rows, before each of its rows is listed as a bad one.

    The statistics in the file say it of all rows, but where they are damaged pyarrow 26 ends the process.

    Raises:
        CrosshashError: the first rows hold names of files and no bytes.
    """
    first = next(PictureColumn((path,), name, ROWS).chunks(ROWS), [])
    if first and all(isinstance(one, str) for one in first):
        raise CrosshashError(
            f"{path}: the first {len(first)} rows of '{name}' hold no bytes, at most names of pictures, as "
            "to_parquet of Hugging Face's datasets writes them. Save the set with its pictures taken in: "
            'dataset.with_format("arrow").map(datasets.table.embed_table_storage, batched=True).'
        )
