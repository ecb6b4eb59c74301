"""An .npz of codes, ids and labels, as the encode stage writes it: no place for captions and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from crosshash.artifacts import missing, read_npz, write_npz
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import read_code_set
from crosshash.retrieval.codefiles.item_codes import Head, code_sets, items_of
from crosshash.stores.contract import EXPORT, check_count, check_free, check_kind
from crosshash.stores.in_memory import InMemory, in_memory

KINDS = ("flat",)


def build(place: str, items: pa.Table, head: Head, over: bool = False) -> InMemory:
    """Hold items, to be saved to a file; see `Backend`."""
    check_kind(place, head.kind, KINDS)
    check_free(place, Path(place), over)
    return in_memory(place, items, head, _write)


def load(place: str) -> InMemory:
    """Read a file, also one of the encode stage, whose rows are its order; see `Backend`."""
    if not Path(place).is_file():
        raise missing(Path(place), EXPORT)
    arrays = read_npz(Path(place))
    codes = read_code_set(Path(place))
    try:
        items = items_of(codes)
    except CrosshashError as error:
        raise CrosshashError(f"{place}: {error}") from None
    head = Head(codes.bits, items=len(codes))
    if "head" in arrays:
        head = Head.read(str(arrays["head"]), place)
        items = items.set_column(0, "row", pa.array(arrays["row"].astype(np.int64)))
        items = items.set_column(
            items.schema.get_field_index("pair_row"), "pair_row", pa.array(arrays["pair_row"])
        )
    check_count(place, head, len(codes))
    return in_memory(place, items, head, _write)


def _write(store: InMemory) -> None:
    (codes,) = code_sets([store.table], [store.head.bits], [store.place])
    write_npz(
        Path(store.place),
        {
            "image": codes.image.packed,
            "text": codes.text.packed,
            "labels": codes.labels,
            "ids": codes.ids,
            "bits": np.array(codes.bits),
            "classes": codes.classes,
            "has_text": codes.has_text,
            "has_labels": codes.has_labels,
            "row": store.table["row"].to_numpy(),
            "pair_row": store.table["pair_row"].to_numpy(),
            "head": np.array(store.head.text()),
        },
    )
