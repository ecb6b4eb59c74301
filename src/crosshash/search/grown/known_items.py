"""What is known of the items of an index with changes beside its files, without its codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from crosshash.parquet import read_parquet
from crosshash.retrieval.codefiles.segments import read_changes
from crosshash.search.folders.index_folder import ITEMS
from crosshash.search.grown.grown_items import GrownItems
from crosshash.search.item_groups import Items, read_items
from crosshash.search.items import PICTURE


def read_known_items(folder: Path) -> Items:
    """Read what is known of the items of an index alone, with the changes beside it.

    Raises:
        CrosshashError: a file is missing, cut or damaged.
    """
    items, changes = read_items(folder / ITEMS), read_changes(folder)
    return items if changes is None else GrownItems(items, changes)


def read_picture_names(folder: Path) -> set[str]:
    """Name the own pictures of the items of an index; none where there is no table of items."""
    if not (folder / ITEMS).is_file():
        return set()
    table, changes = read_parquet(folder / ITEMS), read_changes(folder)
    if PICTURE not in table.column_names:
        return set()
    names = table[PICTURE]
    if changes is not None:
        stays = np.ones(len(table), bool)
        stays[changes.places[changes.places < len(table)]] = False
        names = pa.chunked_array([*names.filter(pa.array(stays)).chunks, *changes.items[PICTURE].chunks])
    return set(names.drop_null().unique().to_pylist()) - {""}
