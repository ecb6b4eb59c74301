"""Items and filters in LanceDB's form: codes as lists of bytes, rows and labels as SQL."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from crosshash.index.exact import Rows
from crosshash.retrieval.codefiles.codeset import MODALITIES
from crosshash.retrieval.codefiles.item_codes import codes_of, items_schema
from crosshash.stores.contract import Keep


def listed(items: pa.Table) -> pa.Table:
    """Write codes as lists of bytes, of which LanceDB knows distances."""
    for modality in MODALITIES:
        name = f"{modality}_code"
        column = items[name].combine_chunks()
        width = column.type.byte_width
        packed, there = codes_of(items, modality)
        values = pa.array(packed.ravel())
        kept = None if there.all() else pa.array(~there)
        lists = pa.FixedSizeListArray.from_arrays(values, width, mask=kept)
        items = items.set_column(items.schema.get_field_index(name), name, lists)
    return items


def unlisted(items: pa.Table, bits: int) -> pa.Table:
    """Take codes out of lists of bytes; columns come in the order of `items_schema`."""
    schema, width = items_schema(bits), -(-bits // 8)
    columns = {}
    for name in (name for name in schema.names if name in items.column_names):
        column = items[name].combine_chunks()
        if name.endswith("_code"):
            values = column.values.buffers()[1] if len(column) else None
            start = column.offset * width
            data = pa.py_buffer(b"") if values is None else values.slice(start, len(column) * width)
            valid = column.is_valid()
            whole = pa.Array.from_buffers(pa.binary(width), len(column), [None, data])
            column = whole if not column.null_count else _with_nulls(whole, valid)
        columns[name] = column.cast(schema.field(name).type)
    return pa.table(columns)


def _with_nulls(column: pa.Array, valid: pa.Array) -> pa.Array:
    return pc.if_else(valid, column, pa.scalar(None, column.type))


def filter_of(keep: Keep | None) -> str | None:
    """Write what may be found as a condition; none where all may."""
    if keep is None:
        return None
    if isinstance(keep, tuple):
        return f"array_has_any(labels, [{', '.join(map(text_of, keep))}])"
    return any_of(keep)


def any_of(rows: Rows) -> str:
    """Write the condition that a row is among some."""
    return f"row IN ({', '.join(map(str, rows.tolist()))})" if len(rows) else "false"


def text_of(value: str) -> str:
    """Write a text as SQL."""
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
