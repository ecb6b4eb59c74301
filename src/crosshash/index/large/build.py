"""Building and changing an index of many codes: in blocks, what is held is small beside the codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import atomic_path
from crosshash.errors import CrosshashError, listed
from crosshash.index.exact import Codes, Found, Rows
from crosshash.index.large.centroids import ALONE, Centroids, Numbers, every_code, learned
from crosshash.index.large.large_index import LargeIndex
from crosshash.index.large.layout import Shape, describe, write_flat, write_lists
from crosshash.index.large.lists import Lists
from crosshash.index.large.shards import Blocks, counted, drawn, exact
from crosshash.index.recall import DEPTHS, FEWEST, MOST, WANTED, recall, sampled
from crosshash.index.structures import SETTINGS
from crosshash.seeding import stream

LISTS = 24  # for each sqrt(N): 262,144 of 100,000,000
SAMPLE = 10  # codes per list that are learned from


def build(
    folder: Path,
    codes: Blocks,
    kind: Literal["flat", "ivf", "equal", "auto"] = "auto",
    queries: Codes | None = None,
    seed: int = 0,
) -> LargeIndex:
    """Write an index of codes that come in blocks, and open it; it comes into its place when it is whole.

    kind: `auto` is `equal` for codes of at most 16 bits, else `ivf`. queries: packed uint8[Q, W] like those
    to come, by which `ivf` chooses how many lists a query looks at; without any, some codes. Where it would
    miss too much, the index is flat, and `remark` says why.

    Raises:
        CrosshashError: codes and rows do not fit, rows do not rise, no items, or codes too long for `equal`.
    """
    items, width, last = counted(codes)
    if not items or not width:
        raise CrosshashError(f"{folder}: there are no codes to build an index of.")
    if kind == "auto":
        kind = "equal" if width <= ALONE else "ivf"
    if kind == "equal" and width > ALONE:
        raise CrosshashError(f"codes of {width} bytes are too long for a list each; take ivf or flat.")
    remark = ""
    if kind == "ivf" and items < FEWEST:
        kind, remark = "flat", f"{items} items are too few for ivf, which starts at {FEWEST}; scanned"
    with atomic_path(folder) as new:
        new.mkdir()
        shape = Shape(items, width, last)
        if kind == "flat":
            write_flat(new, codes, shape, remark)
        elif kind == "equal":
            write_lists(new, codes, shape, every_code(width), {"kind": "equal"})
        else:
            _write_tuned(new, codes, shape, queries, seed)
    return LargeIndex.load(folder)


def change(before: LargeIndex, target: Path, packed: Codes, rows: Rows, gone: Rows) -> LargeIndex:
    """Write an index without rows `gone` int64[M] and with codes uint8[n, W] under rising `rows` int64[n].

    Nothing is learned anew: centroids and `nprobe` stay. target: may be the folder that it was loaded from.

    Raises:
        CrosshashError: a row of `gone` is not there, a new one is there already, or codes do not fit.
    """
    _check_change(before, packed, rows, gone)
    left = _Changed(before, packed, rows, gone)
    items, width, last = 0, before.centroids.shape[1], -1
    for _, each in left:
        items, last = items + len(each), max(last, int(each.max(initial=-1)))
    if not items:
        raise CrosshashError("nothing would be left of the index; delete it instead.")
    shape = Shape(items, width, last)
    with atomic_path(target) as new:
        new.mkdir()
        if before.kind == "flat":
            write_flat(new, left, shape, before.remark)
        else:
            kept = {key: value for key, value in before.description.items() if key in ("kind", "nprobe")}
            centroids = Centroids(np.array(before.centroids))
            write_lists(new, left, shape, centroids, kept, left.numbers(centroids))
    return LargeIndex.load(target)


@dataclass(frozen=True)
class _Changed:
    """The codes of an index without some rows and with others, which come in their place by row."""

    before: LargeIndex
    packed: Codes
    rows: Rows
    gone: Rows

    def __iter__(self) -> Iterator[tuple[Codes, Rows]]:
        rising = self.before.kind == "flat"  # lists stand in no order of rows
        at = 0
        for packed, rows in self.before.blocks():
            end = int(np.searchsorted(self.rows, rows[-1])) if rising else 0
            stays = self._stay(rows)
            codes = np.concatenate([packed[stays], self.packed[at:end]])
            both = np.concatenate([rows[stays], self.rows[at:end]])
            order = np.argsort(both) if end > at else ...
            yield codes[order], both[order]
            at = end
        yield self.packed[at:], self.rows[at:].astype(np.int64)

    def numbers(self, centroids: Centroids) -> Iterator[Numbers]:
        """Give the lists of all codes, block by block: those that stay keep theirs."""
        place = 0
        for _, rows in self.before.blocks():
            places = np.arange(place, place + len(rows))[self._stay(rows)]
            yield (np.searchsorted(self.before.starts, places, side="right") - 1).astype(np.uint32)
            place += len(rows)
        yield centroids.assigned(self.packed)[0]

    def _stay(self, rows: Rows) -> NDArray[np.bool_]:
        gone = np.sort(self.gone)
        at = np.searchsorted(gone, rows)
        stay: NDArray[np.bool_] = np.append(gone, -1)[at] != rows
        return stay


def _check_change(before: LargeIndex, packed: Codes, rows: Rows, gone: Rows) -> None:
    width = before.centroids.shape[1]
    if counted([(packed, rows)])[1] != width:
        raise CrosshashError(f"codes of {packed.shape[1]} bytes do not fit an index of {width}.")
    there = np.setdiff1d(before.known(rows), gone)
    problems = [f"row {row} is in the index already" for row in there.tolist()]
    problems += [f"row {row} is not in the index" for row in np.setdiff1d(gone, before.known(gone)).tolist()]
    if problems:
        raise CrosshashError(f"the index cannot be changed:\n{listed(problems)}")


def _write_tuned(folder: Path, codes: Blocks, shape: Shape, queries: Codes | None, seed: int) -> None:
    """Write lists, and choose by measuring how many of them a query looks at; all codes where too many."""
    generator = stream(seed, "index", "lists")
    count = 2 ** min(round(np.log2(LISTS * shape.items**0.5)), int(np.log2(shape.items / SAMPLE)))
    places = np.sort(generator.choice(shape.items, SAMPLE * count, replace=False, shuffle=False))
    sample = drawn(codes, places)
    asked = sampled(sample if queries is None or not len(queries) else queries, seed)
    write_lists(folder, codes, shape, learned(sample, count, seed), {"kind": "ivf", "nprobe": 1})
    truth = exact(codes, asked, max(DEPTHS))
    nprobe, figures = tuned(folder, asked, truth)
    if nprobe is None:
        for path in folder.iterdir():
            path.unlink()
        remark = (
            f"ivf does not find {WANTED:.0%} of what an exact search finds by comparing {MOST:.1%} of these "
            f"{shape.items} codes; scanned"
        )
        write_flat(folder, codes, shape, remark)
        return
    describe(
        folder, shape, count, {"kind": "ivf", "remark": "", "nprobe": nprobe, "search": figures}, rows=True
    )


def tuned(folder: Path, queries: Codes, truth: Found) -> tuple[int | None, list[dict[str, Any]]]:
    """Try more and more lists; gives the first number that finds enough, None without, and all figures."""
    index = LargeIndex.load(folder)
    tried = []
    for nprobe in SETTINGS["ivf"]:
        lists = Lists(index.packed, index.rows, index.starts, index.centroids, nprobe)  # type: ignore[arg-type]
        compared = lists.compared(queries, max(DEPTHS))
        if compared > MOST:
            break
        found = lists.nearest(queries, max(DEPTHS))
        recalls = {name: value for depth in DEPTHS for name, value in recall(found, truth, depth).items()}
        tried.append({"nprobe": nprobe, "compared": compared, **recalls})
        if min(recalls[f"recall@{depth}"] for depth in DEPTHS) >= WANTED:
            return nprobe, tried
    return None, tried
