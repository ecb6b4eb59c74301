"""Items with their codes as one Arrow table: the form that codes have between stores and in parquet files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crosshash.codes.hashcodes import HashCodes
from crosshash.codes.real_codes import DISTANCES, Distance
from crosshash.errors import CrosshashError, listed
from crosshash.parquet import read_parquet, write_parquet
from crosshash.retrieval.codefiles.codeset import MODALITIES, CodeSet, Modality

HEAD = "crosshash"
"""Key of a parquet file's notes under which its head stands."""
VERSION = 1
REMEDY = "Write it again with `crosshash export`."


@dataclass(frozen=True)
class Head:
    """What is known of codes as a whole.

    bits: their length; encoder: digest of what made them, empty if nobody knows; distance: by which they are
    searched where a request names none; items: how many there are; kind: how a store searches them; pictures:
    whether any had one of its own when the store was built.
    """

    bits: int
    encoder: str = ""
    distance: Distance = "hamming"
    items: int = 0
    kind: str = "flat"
    pictures: bool = False

    def text(self) -> str:
        """Write it as JSON, as stores keep it."""
        order = {"bit_order": "the first bit is the highest of the first byte", "one": "+1, zero included"}
        return json.dumps({"crosshash": VERSION, **asdict(self), **order})

    @classmethod
    def read(cls, text: str | None, place: str) -> Head:
        """Read it from the JSON that a store keeps.

        Raises:
            CrosshashError: it is none, or of another version.
        """
        try:
            told = json.loads(text or "")
            head = cls(*(told[name] for name in ("bits", "encoder", "distance", "items", "kind", "pictures")))
            known = told["crosshash"] == VERSION and head.distance in DISTANCES and head.bits >= 1
        except (ValueError, TypeError, KeyError):
            known = False
        if not known:
            raise CrosshashError(f"{place}: holds no codes of this version of crosshash. {REMEDY}")
        return head


def items_schema(bits: int) -> pa.Schema:
    """Give the columns of items with codes of `bits` bits.

    row: settles ties; pair_row: of the pair table, -1 for items of one's own; picture: name of an own one;
    labels: null where nothing is known; codes: ceil(bits / 8) bytes, null where there is none.
    """
    code = pa.binary(-(-bits // 8))
    texts = [(name, pa.string()) for name in ("id", "image", "caption")]
    rest = [("labels", pa.list_(pa.string())), ("pair_row", pa.int64()), ("picture", pa.string())]
    codes = [(f"{modality}_code", code) for modality in MODALITIES]
    return pa.schema([("row", pa.int64()), *texts, *rest, *codes])


def code_column(packed: NDArray[np.uint8], there: NDArray[np.bool_] | None = None) -> pa.Array:
    """Make a column of codes uint8[N, W]; `there`: bool[N], others become null."""
    width = packed.shape[1]
    values = pa.py_buffer(np.ascontiguousarray(packed))
    valid = None if there is None or there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.Array.from_buffers(pa.binary(width), len(packed), [valid, values])


def codes_of(items: pa.Table, modality: Modality) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Give the codes uint8[N, W] of one modality, zeros where there is none, and which are there: bool[N]."""
    column = items[f"{modality}_code"].combine_chunks()
    width = column.type.byte_width
    there = column.is_valid().to_numpy(zero_copy_only=False)
    start = column.offset * width
    raw = np.frombuffer(column.buffers()[1] or b"", np.uint8)[start : start + len(column) * width]
    packed = raw.reshape(len(column), width)
    return (packed, there) if there.all() else (np.where(there[:, None], packed, np.uint8(0)), there)


def check_items(items: pa.Table, bits: int, place: str) -> None:
    """Refuse items that cannot be stored together.

    Raises:
        CrosshashError: columns, lengths, pad bits, or a row or id that stands twice; all are named.
    """
    if not items.schema.equals(items_schema(bits)):
        width = items.schema.field("image_code").type if "image_code" in items.schema.names else "none"
        raise CrosshashError(
            f"{place}: takes items with codes of {bits} bits in {-(-bits // 8)} bytes, see docs/stores.md; "
            f"these have {items.schema.names} and codes of type {width}."
        )
    rows = items["row"].to_numpy()
    problems = [f"row {row} stands twice" for row in _twice(rows)]
    problems += [f"row {row} is below 0" for row in rows[rows < 0]]
    problems += [f"{name} is empty in a row" for name in ("row", "id") if items[name].null_count]
    problems += [f"id '{item}' stands twice" for item in _twice(np.array(items["id"].to_pylist(), object))]
    pad = 0xFF >> bits % 8 if bits % 8 else 0
    for modality in MODALITIES:
        packed, _ = codes_of(items, modality)
        strange = rows[(packed[:, -1] & pad) != 0]
        problems += [f"the {modality} code of row {row} has bits set after bit {bits}" for row in strange[:1]]
    if problems:
        raise CrosshashError(f"{place}: these items cannot be stored:\n{listed(problems)}")


def write_items(path: Path, items: pa.Table, head: Head) -> None:
    """Write items as a parquet file with its head in the notes, atomically."""
    write_parquet(path, items.schema, [items], notes={HEAD: head.text()})


def read_items(path: Path) -> tuple[pa.Table, Head]:
    """Read a parquet file of items.

    Raises:
        CrosshashError: it is missing, cut, differs from its checksum, or holds something else.
    """
    items = read_parquet(path, remedy=REMEDY)
    notes = pq.read_metadata(path).metadata or {}
    head = Head.read(notes.get(HEAD.encode(), b"").decode(), str(path))
    items = items.replace_schema_metadata(None)
    check_items(items, head.bits, str(path))
    if len(items) != head.items:
        raise CrosshashError(f"{path}: holds {len(items)} items, its head names {head.items}. {REMEDY}")
    return items, head


def items_of(codes: CodeSet) -> pa.Table:
    """Make items of a code set, in its order; what it does not know (captions, pictures) stays empty.

    Raises:
        CrosshashError: items are stored as vectors, which other stores do not compare.
    """
    if codes.vector_code is not None:
        raise CrosshashError(
            f"items are stored as vectors ({codes.vector_code.kind}), which are no hash codes."
        )
    known = [
        codes.classes[table.astype(bool)].tolist() if has else None
        for table, has in zip(codes.labels, codes.has_labels, strict=True)
    ]
    count = len(codes)
    return pa.table(
        {
            "row": np.arange(count),
            "id": codes.ids.tolist(),
            "image": [""] * count,
            "caption": [""] * count,
            "labels": known,
            "pair_row": np.full(count, -1),
            "picture": [None] * count,
            "image_code": code_column(codes.image.packed),
            "text_code": code_column(codes.text.packed, codes.has_text),
        },
        items_schema(codes.bits),
    )


def code_sets(tables: Sequence[pa.Table], bits: Sequence[int], places: Sequence[str]) -> list[CodeSet]:
    """Make code sets of several tables of items, over the classes of all of them.

    Raises:
        CrosshashError: an item has no image code, so that it cannot be scored.
    """
    named = sorted({label for items in tables for label in _labels(items)})
    classes = np.array(named, dtype=str)
    return [_code_set(*one, classes) for one in zip(tables, bits, places, strict=True)]


def _code_set(items: pa.Table, bits: int, place: str, classes: NDArray[np.str_]) -> CodeSet:
    image, has_image = codes_of(items, "image")
    text, has_text = codes_of(items, "text")
    if not has_image.all():
        raise CrosshashError(
            f"{place}: {(~has_image).sum()} items have no image code; scores need one of each."
        )
    ids = np.array(items["id"].to_pylist(), dtype=str)
    places = {name: column for column, name in enumerate(classes.tolist())}
    labels = np.zeros((len(items), len(classes)), np.uint8)
    known = items["labels"].to_pylist()
    for row, names in enumerate(known):
        labels[row, [places[name] for name in names or ()]] = 1
    has_labels = np.array([names is not None for names in known], dtype=bool)
    return CodeSet(
        HashCodes(image, bits, ids), HashCodes(text, bits, ids), labels, classes, has_text, has_labels
    )


def _labels(items: pa.Table) -> Iterable[str]:
    return (name for names in items["labels"].to_pylist() for name in names or ())


def _twice(values: NDArray[np.generic]) -> list[object]:
    found, counts = np.unique(values[values != None], return_counts=True)  # noqa: E711 - elementwise
    return list(found[counts > 1])
