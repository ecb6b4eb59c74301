"""The files of an index of many codes: written block by block, each code at its place."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import write_json
from crosshash.index.exact import Codes
from crosshash.index.large.centroids import Centroids, Numbers
from crosshash.index.large.large_index import DESCRIPTION
from crosshash.index.large.shards import BLOCK, Blocks
from crosshash.mapped import finish, new_array

SHORT = np.iinfo(np.uint32).max - 1  # highest row that is stored in four bytes


@dataclass(frozen=True)
class Shape:
    """How many items, bytes of a code, and the highest row."""

    items: int
    width: int
    last: int

    @property
    def rows(self) -> str:
        """Type of the rows that are stored."""
        return "uint32" if self.last <= SHORT else "int64"


def write_flat(folder: Path, codes: Blocks, shape: Shape, remark: str) -> None:
    """Write a flat index: the codes in the order of their rows, and the rows unless they are the places."""
    packed = new_array(folder / "codes.npy", np.uint8, (shape.items, shape.width))
    gaps = shape.last != shape.items - 1
    rows = new_array(folder / "rows.npy", shape.rows, (shape.items,)) if gaps else None
    at = 0
    for block, their_rows in codes:
        packed[at : at + len(block)] = block
        if rows is not None:
            rows[at : at + len(block)] = their_rows
        at += len(block)
    finish(folder / "codes.npy", packed)
    if rows is not None:
        finish(folder / "rows.npy", rows)
    describe(folder, shape, 0, {"kind": "flat", "remark": remark}, rows=gaps)


def write_lists(
    folder: Path,
    codes: Blocks,
    shape: Shape,
    centroids: Centroids,
    told: dict[str, Any],
    known: Iterable[Numbers] | None = None,
) -> None:
    """Write the lists: first is found out which list each code belongs to, then each goes to its place.

    known: the lists of all codes, block by block, where that is known.
    """
    count = len(centroids.packed)
    numbers, sizes = _numbered(known or (centroids.assigned(one)[0] for one, _ in codes), shape.items, count)
    starts = new_array(folder / "starts.npy", np.int64, (count + 1,))
    starts[1:] = np.cumsum(sizes)
    equal = told["kind"] == "equal"
    packed = None if equal else new_array(folder / "codes.npy", np.uint8, (shape.items, shape.width))
    rows = new_array(folder / "rows.npy", shape.rows, (shape.items,))
    _place(codes, numbers, starts, packed, rows)
    del numbers
    for start, end in itertools.pairwise(starts.tolist()) if equal else ():
        one = rows[start:end]
        if (one[1:] < one[:-1]).any():  # of equal codes the first rows are found first
            one.sort()
    of_rows = _placed_by_row(folder / "places.npy", rows, shape)
    stored = new_array(folder / "centroids.npy", np.uint8, centroids.packed.shape)
    stored[:] = centroids.packed
    arrays = {"codes": packed, "rows": rows, "places": of_rows, "starts": starts, "centroids": stored}
    for name, array in arrays.items():
        if array is not None:
            finish(folder / f"{name}.npy", array)
    describe(folder, shape, count, {"remark": ""} | told, rows=True)


def _numbered(lists: Iterable[Numbers], items: int, count: int) -> tuple[Numbers, NDArray[np.int64]]:
    """Gather the list of each code, of so many lists, and count the codes of each."""
    numbers, sizes = np.empty(items, np.min_scalar_type(count - 1)), np.zeros(count, np.int64)
    at = 0
    for own in lists:
        numbers[at : at + len(own)] = own
        sizes += np.bincount(own, minlength=count)
        at += len(own)
    return numbers, sizes


def _place(
    codes: Blocks,
    numbers: Numbers,
    starts: NDArray[np.int64],
    packed: Codes | None,
    rows: NDArray[np.integer],
) -> None:
    """Write each code (not where `packed` is None) and its row behind those of its list that came before."""
    free, at = starts[:-1].copy(), 0
    for block, their_rows in codes:
        own = numbers[at : at + len(block)]
        order = np.argsort(own, kind="stable")
        come = np.bincount(own, minlength=len(free))
        places = np.arange(len(own)) + np.repeat(free - np.cumsum(come) + come, come)
        free += come
        rows[places] = their_rows[order]
        if packed is not None:
            packed[places] = block[order]
        at += len(block)


def _placed_by_row(path: Path, rows: NDArray[np.integer], shape: Shape) -> NDArray[Any]:
    """Write the place of each row; of those that no code has, the number of items."""
    of_rows = new_array(path, shape.rows, (shape.last + 1,))
    for start in range(0, shape.last + 1, BLOCK):
        of_rows[start : start + BLOCK] = shape.items
    for start in range(0, shape.items, BLOCK):
        of_rows[rows[start : start + BLOCK]] = np.arange(start, min(start + BLOCK, shape.items))
    return of_rows


def describe(folder: Path, shape: Shape, lists: int, told: dict[str, Any], rows: bool) -> None:
    """Say what the folder holds; told: what its kind adds; rows: they are stored."""
    found = {
        "items": shape.items,
        "width": shape.width,
        "lists": lists,
        "rows": shape.rows if rows else "",
        "last": shape.last,
    }
    write_json(folder / DESCRIPTION, found | told)
