"""Columns of parquet files by name, fields of structs and lists included, and the class names beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crosshash.config.user_files import refuse_pointer
from crosshash.errors import CrosshashError
from crosshash.formats.picture_column import parquet_named

HUGGING_FACE = b"huggingface"
"""Key of the schema's metadata where `datasets` writes its features (datasets 5.2, arrow_writer)."""


def read_schema(path: Path) -> tuple[pa.Schema, int]:
    """Give the columns of a parquet file, and its number of rows.

    Raises:
        CrosshashError: it is no parquet file, or a pointer of Git LFS to one.
    """
    refuse_pointer(path)
    with parquet_named(path), pq.ParquetFile(path) as file:
        return file.schema_arrow, file.metadata.num_rows


def type_of(path: Path, schema: pa.Schema, key: str, name: str) -> pa.DataType:
    """Give the type of a column, or of a field `column.field` in it; key: the setting that names it.

    Raises:
        CrosshashError: there is none of this name.
    """
    kind: pa.DataType = pa.struct(list(schema))
    for part in parts_of(schema, name):
        kind = _inside(kind)
        place = kind.get_field_index(part) if pa.types.is_struct(kind) else -1
        if place < 0:
            found = ", ".join(_names(schema)) or "none"
            raise CrosshashError(
                f"params.yaml: {key}: {path} has no column '{name}'; found: {found}. Name one of these, or "
                "null for none where that is allowed."
            )
        kind = kind.field(place).type
    return kind


def parts_of(schema: pa.Schema, name: str) -> list[str]:
    """Part `column.field`, unless there is a column of the whole name."""
    return [name] if name in schema.names else name.split(".")


def value_at(value: Any, parts: Sequence[str]) -> Any:  # noqa: ANN401 - whatever the file holds
    """Give what lies in a value under the names of fields; of each element of a list, where there are any."""
    if not parts or value is None:
        return value
    if isinstance(value, list):
        return [value_at(one, parts) for one in value]
    return value_at(value[parts[0]], parts[1:])


def class_names(schema: pa.Schema, parts: Sequence[str]) -> tuple[str, ...]:
    """Give the names of the classes that a column of numbers stands for; none where the file says none."""
    try:
        said: Any = json.loads((schema.metadata or {})[HUGGING_FACE])["info"]["features"]
        for part in parts:
            said = _unlisted(said)[part]
        names = _unlisted(said)["names"]
    except (KeyError, ValueError, TypeError):
        return ()
    return tuple(names) if isinstance(names, list) and all(isinstance(name, str) for name in names) else ()


def _unlisted(said: Any) -> Any:  # noqa: ANN401 - JSON is what it is
    """Go to what a list is of: `[...]`, or `{"feature": ..., "_type": "List"}` (`Sequence` before 4.0)."""
    while isinstance(said, list) or (isinstance(said, dict) and "feature" in said and "_type" in said):
        said = said[0] if isinstance(said, list) else said["feature"]
    return said


def _inside(kind: pa.DataType) -> pa.DataType:
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind = kind.value_type
    return kind


def _names(schema: pa.Schema) -> list[str]:
    """List the columns, and the fields of those that are structs."""
    names = []
    for field in schema:
        kind = _inside(field.type)
        names.append(field.name)
        if pa.types.is_struct(kind):
            names += [f"{field.name}.{inner.name}" for inner in kind]
    return names
