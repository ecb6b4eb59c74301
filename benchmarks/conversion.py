"""How fast pictures become a data set: the convert stage beside plain loops of Pillow on the same cores.

JPEGs of 320 x 240, 15 to 25 kB each, are made first. A conversion is all that the stage does once it knows
its items: worker processes, pictures checked and shrunk or copied, tables, shards. The loops open and decode,
or shrink, each file and keep nothing; their processes are the same. What is compared is measured in turn, and
the best time of each is taken, since others may use the machine too.

python -m benchmarks.conversion                  20,000 pictures; some minutes on two cores
python -m benchmarks.conversion --count 2000     fewer, to try it out
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.plain_pillow import SHRUNK, decode_picture, make_picture, on_all_cores, shrink_picture
from crosshash.config.plans.convert import ConvertPlan
from crosshash.pairs.source import RawItem, RawItems, SplitSizes
from crosshash.shards.prepared import item_reader, prepared
from crosshash.shards.tar_files import read_items
from crosshash.workers.cores import cores
from stages.convert import write_dataset

COUNT, CLASSES = 20_000, 24
WHOLE = 512
REPEATS = 3
LEAST_RATE, LEAST_SHARE = 3_000, 0.9
PIXELS = 224  # a side of the pictures that ViT-B-32 reads

QUICK, FULL, SMALLER = "copied, quick check", "copied, full check", "shrunk to 256"
DECODE, SHRINK = "plain loop: decode", "plain loop: shrink"
FILES, SHARDS = "files one by one", "shards, as training does"
BESIDE = {FULL: DECODE, SMALLER: SHRINK, SHARDS: FILES}
"""What each is compared with."""

Work = Callable[[], object]


def as_items(paths: list[Path]) -> RawItems:
    """Give the pictures two captions and two of the classes each."""
    classes = tuple(f"class {number:02d}" for number in range(CLASSES))
    items = tuple(
        RawItem(
            path.name,
            (f"picture {row} of something small", f"another text about number {row}"),
            (classes[row % CLASSES], classes[(row + 1) % CLASSES]),
        )
        for row, path in enumerate(paths)
    )
    return RawItems(items, classes, tuple(paths))


def convert(source: RawItems, max_side: int, check: Literal["full", "quick"]) -> None:
    """Do what the stage does after it has read the list of items; the result stands in data/pictures."""
    plan = ConvertPlan(
        dataset="pictures",
        settings={},
        split_file=None,
        query=None,
        train=None,
        val=0.05,
        split_seed=0,
        missing_class="error",
        check=check,
        max_side=max_side,
        bad_images="fail",
        vocabulary=2000,
        shard_mb=256,
    )
    write_dataset(plan, source, SplitSizes(query=0.1, train=0.5), Path("pictures"), Path("state"))


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and those of all cores together, which others on the machine change less."""

    clock: float
    cores: float


def best_costs(ways: Mapping[str, Work]) -> dict[str, Cost]:
    """Time each way several times, in turn, and take the best."""
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for repeat in range(REPEATS):
        for name in list(ways)[:: -1 if repeat % 2 else 1]:
            clock, used = time.perf_counter(), core_seconds()
            ways[name]()
            costs[name].append(Cost(time.perf_counter() - clock, core_seconds() - used))
    return {
        name: Cost(min(cost.clock for cost in found), min(cost.cores for cost in found))
        for name, found in costs.items()
    }


def core_seconds() -> float:
    """Give what this process and those of its processes that have ended used so far."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


@contextmanager
def peak_memory() -> Iterator[dict[str, float]]:
    """Watch the memory of this process and of those that it starts (largest seen; MB)."""
    me = psutil.Process()
    peak = {"this process": 0.0, "workers": 0.0}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peak["this process"] = max(peak["this process"], me.memory_info().rss / 1e6)
            peak["workers"] = max(peak["workers"], sum(map(memory, me.children())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def memory(process: psutil.Process) -> float:
    """Give what a process holds, MB; nothing if it has just ended."""
    try:
        return float(process.memory_info().rss / 1e6)
    except psutil.Error:
        return 0.0


def reading_ways(paths: list[Path]) -> dict[str, Work]:
    """Read the training items from the shards, or their files one by one, and decode them for ViT-B-32."""
    from crosshash.readers.pictures import image_reader

    read_image = image_reader(PIXELS, "squash")

    def read_text(text: str) -> np.ndarray:
        return np.array([len(text)])  # tokenising is no part of what is measured

    def from_shards() -> None:
        for _ in prepared(read_items(Path("data/pictures"), "train"), item_reader(read_image, read_text)):
            pass

    def one_by_one() -> None:
        for path in paths:
            read_image(path.read_bytes())

    return {FILES: one_by_one, SHARDS: from_shards}


def measure(count: int, console: Console) -> list[str]:
    """Print everything; give what falls short."""
    Path("pictures").mkdir()
    paths = [Path(f"pictures/{number:06d}.jpg") for number in range(count)]
    on_all_cores(make_picture, paths)
    size = sum(path.stat().st_size for path in paths) / count / 1e3
    console.print(f"{count} JPEGs of 320 x 240, {size:.1f} kB on average; {cores()} cores; best of {REPEATS}")
    source = as_items(paths)
    with peak_memory() as peak:
        convert(source, SHRUNK, "full")
    costs = best_costs(
        {
            QUICK: partial(convert, source, WHOLE, "quick"),
            DECODE: partial(on_all_cores, decode_picture, paths),
            FULL: partial(convert, source, WHOLE, "full"),
        }
    )
    costs |= best_costs(
        {
            SHRINK: partial(on_all_cores, shrink_picture, paths),
            SMALLER: partial(convert, source, SHRUNK, "full"),
        }
    )
    print_costs(console, "conversion", costs, count, BESIDE)
    console.print("peak memory: " + ", ".join(f"{name} {size:.0f} MB" for name, size in peak.items()))
    convert(source, WHOLE, "quick")
    trained = sum(1 for _ in read_items(Path("data/pictures"), "train"))
    print_costs(console, "reading in training", best_costs(reading_ways(paths[:trained])), trained, BESIDE)
    shares = {name: costs[BESIDE[name]].clock / costs[name].clock for name in (FULL, SMALLER)}
    short = [f"{name}: {share:.0%}" for name, share in shares.items() if share < LEAST_SHARE]
    if count / costs[QUICK].clock < LEAST_RATE:
        short.append(f"{QUICK}: {count / costs[QUICK].clock:,.0f} images/s")
    return short


def print_costs(
    console: Console, title: str, costs: Mapping[str, Cost], count: int, beside: Mapping[str, str]
) -> None:
    """Print seconds and rates, and beside a plain loop the share of its rate by the clock and per core."""
    table = Table(title, "s", "images/s", "of the plain loop", "core s", "of the plain loop")
    for name, cost in costs.items():
        plain = costs.get(beside.get(name, ""))
        by_clock, by_core = ("", "")
        if plain:
            by_clock, by_core = f"{plain.clock / cost.clock:.0%}", f"{plain.cores / cost.cores:.0%}"
        rate = f"{count / cost.clock:,.0f}"
        table.add_row(name, f"{cost.clock:.2f}", rate, by_clock, f"{cost.cores:.2f}", by_core)
    console.print(table)


def main() -> None:
    """Measure in a temporary folder; exit status 1 if something falls short of what is required."""
    parser = argparse.ArgumentParser(description="Rates of the convert stage beside plain loops of Pillow.")
    parser.add_argument("--count", type=int, default=COUNT, help="pictures")
    console = Console()
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        short = measure(parser.parse_args().count, console)
    required = f"{LEAST_RATE:,} images/s with the quick check, {LEAST_SHARE:.0%} of the plain loops' rates"
    console.print(f"required: {required}; " + (f"short: {'; '.join(short)}" if short else "all reached"))
    if short:
        sys.exit(1)


if __name__ == "__main__":
    main()
