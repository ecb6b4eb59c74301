"""How long the pair table of a large data set takes: split, table, labels, words, info and .mat triple.

python -m benchmarks.pair_table [--count 1000000]

Items with one to five captions of ten words and one to four of 80 classes are made up; one in a hundred has
no label. Seven eighths are trained on, so that words are counted in almost all captions. The reference is a
plain loop, row by row, with scipy's writer of .mat files, on a twentieth of the items and scaled by their
number; both are timed in this run, each in a process of its own. The chance that items share a class, which
is taken from a sample of one size, is left out of the reference.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import scipy.io
from rich.console import Console
from rich.table import Table

from crosshash.artifacts import write_json, write_npz
from crosshash.pairs.check import check_items
from crosshash.pairs.source import RawItem, RawItems, SplitSizes
from crosshash.pairs.split import Split, make_split
from crosshash.pairs.table import PARTS, SCHEMA, Pair, read_columns
from crosshash.pairs.vocabulary import words_of
from crosshash.seeding import stream
from crosshash.shards.convert import choose_split, untrained_classes, write_tables
from crosshash.shards.mat_triple import write_mat_triple

COUNT, SHARE = 1_000_000, 20
CLASSES, WORDS, VOCABULARY = 80, 20_000, 2_000
SIZES, VAL = SplitSizes(0.125, 0.875), 0.05
SECONDS, GIGABYTES = 60, 2.0
BLOCK = 10_000


def synthetic(count: int) -> RawItems:
    """Make up a data set of pictures that nobody opens."""
    generator = stream(0, "benchmark", "pair table")
    words = np.array([f"word{number}" for number in range(WORDS)])
    classes = tuple(f"class {number}" for number in range(CLASSES))
    items: list[RawItem] = []
    for start in range(0, count, BLOCK):
        chosen = words[(generator.pareto(1.0, size=(BLOCK, 5, 10)) * 20).astype(np.int64) % WORDS].tolist()
        captions = generator.integers(1, 6, size=BLOCK)
        labels = generator.integers(CLASSES, size=(BLOCK, 4))
        named = np.where(generator.random(BLOCK) < 0.01, 0, generator.integers(1, 5, size=BLOCK))
        items.extend(
            RawItem(
                f"train/{start + row:012d}.jpg",
                tuple(map(" ".join, chosen[row][: captions[row]])),
                tuple(classes[number] for number in sorted(set(labels[row, : named[row]].tolist()))),
            )
            for row in range(min(BLOCK, count - start))
        )
    return RawItems(tuple(items), classes, tuple(Path(item.id) for item in items))


def plain_loop(folder: Path, source: RawItems) -> None:
    """Write the same files row by row; every step holds all rows in a form of its own."""
    eligible = [bool(item.captions and item.labels) for item in source.items]
    split = make_split([item.id for item in source.items], eligible, SIZES, VAL, 0)
    part_of = dict.fromkeys(split.rest(), "rest")
    for part, ids in zip(PARTS, (split.query, split.train, split.val_query), strict=False):
        part_of.update(dict.fromkeys(ids, part))
    rows = [
        {
            "id": item.id,
            "image": item.id,
            "captions": list(item.captions),
            "labels": list(item.labels),
            "part": part_of[item.id],
        }
        for item in source.items
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=SCHEMA), folder / "pairs.parquet")
    write_json(folder / "split.json", {"query": split.query, "train": split.train})
    labels = {row["id"]: vector(row["labels"], source.classes) for row in rows}
    write_npz(folder / "train_labels.npz", {"labels": np.array([labels[item] for item in split.train])})
    captions = {row["id"]: row["captions"] for row in rows}
    counts = Counter(word for item in split.train for text in captions[item] for word in words_of(text))
    write_json(folder / "vocabulary.json", {"words": [word for word, _ in counts.most_common(VOCABULARY)]})
    plain_triple(folder, rows, np.array(list(labels.values())))


def vector(names: Sequence[str], classes: tuple[str, ...]) -> np.ndarray:
    """Lay out the labels of one item."""
    row = np.zeros(len(classes), np.uint8)
    for name in names:
        row[classes.index(name)] = 1
    return row


def plain_triple(folder: Path, rows: list[dict[str, Any]], labels: np.ndarray) -> None:
    """Write the .mat triple by scipy, from arrays that hold all of it."""
    cells = np.empty(len(rows), dtype=object)
    for number, row in enumerate(rows):
        cells[number] = np.array(row["captions"] or (" ",))
    arrays = {"index": np.array([row["image"] for row in rows]), "caption": cells, "category": labels}
    for name, array in arrays.items():
        scipy.io.savemat(folder / f"{name}.mat", {name: array}, do_compression=True)


def build(folder: Path, source: RawItems) -> Split:
    """Write the tables as the convert stage does."""
    check_items("benchmark", source)
    split = choose_split(source, SIZES, None, None, VAL, 0)
    untrained_classes(source, split)
    write_tables(folder, "benchmark", source, split, VOCABULARY, Path())
    return split


def measure(way: str, count: int) -> dict[str, float]:
    """Build once; give seconds, seconds of the .mat triple alone, and peak memory in GB, rows included."""
    source = synthetic(count)
    rows = peak()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        if way == "plain loop":
            plain_loop(folder, source)
            return {"seconds": time.perf_counter() - start, "rows": rows, "peak": peak()}
        busy = time.process_time()
        build(folder, source)
        seconds, busy, most = time.perf_counter() - start, time.process_time() - busy, peak()
        pairs = [Pair(**row) for row in read_columns(folder, SCHEMA.names).to_pylist()]
        start = time.perf_counter()
        write_mat_triple(folder, pairs, source.classes)
        return {
            "seconds": seconds,
            "triple": time.perf_counter() - start,
            "busy": busy,
            "rows": rows,
            "peak": most,
        }


def peak() -> float:
    """Give the most memory that this process has held, GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main() -> None:
    """Print times, their ratio and the memory; fail above the limits at the full count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=COUNT, help="items")
    count = max(parser.parse_args().count, 1000)
    found = {}
    for way, items in (("plain loop", count // SHARE), ("pair table", count)):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[way] = pool.apply(measure, (way, items))
    new = found["pair table"]
    slow, fast = found["plain loop"]["seconds"] * count / (count // SHARE), new["seconds"]
    table = Table(f"pair table of {count:,} items", "seconds", "of a processor", "peak GB", "the items alone")
    table.add_row(f"plain loop (scaled from {count // SHARE:,})", f"{slow:.1f}", "", "", "")
    figures = (f"{fast:.1f}", f"{new['busy']:.1f}", f"{new['peak']:.2f}", f"{new['rows']:.2f}")
    table.add_row("as it is built", *figures)
    table.add_row("  of which the .mat triple", f"{new['triple']:.1f}", "", "", "")
    console = Console()
    console.print(table)
    console.print(
        f"ratio: {slow / fast:.1f} times faster; for {COUNT:,} items at most {SECONDS} s and "
        f"{GIGABYTES:.0f} GB are allowed"
    )
    if count == COUNT and (fast > SECONDS or new["peak"] > GIGABYTES):
        sys.exit(1)


if __name__ == "__main__":
    main()
