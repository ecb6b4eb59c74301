"""Search in large sets of codes: what each kind of index costs and finds, also where many codes are equal.

Flat search beside FAISS's own and other libraries, and two stages against brute force.

python -m benchmarks.search [PROJECT] [--items 1000000] [--sizes 10000 100000 1000000]
                            [--only flat|kinds|groups|stages]

PROJECT is a folder in which `dvc repro` ran with hq; without one, hq is trained on generated scenes first.
All that is compared runs in turn, on `CROSSHASH_THREADS` threads; times are medians. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.clustered import BITS, FLIPPED, PROTOTYPES, clustered_codes
from benchmarks.flat_search import compare_flat, compare_real
from benchmarks.rerank import trained_hq
from benchmarks.two_stages import compare_sizes
from crosshash.errors import run_stage
from crosshash.index.code_index import CodeIndex
from crosshash.index.exact import nearest
from crosshash.index.recall import recall
from crosshash.index.structures import KINDS, NAMES, Kind, build_structure
from crosshash.seeding import stream
from crosshash.workers.cores import cores

QUERIES, TOP, REPEATS, ALONE = 512, 100, 5, 100
MOST_SLOWER, LEAST_FASTER, LEAST_RECALL = 1.3, 5.0, 0.95

FAISS = "FAISS"
GROUPED = 20_000
WORK: dict[Kind, int] = {"ivf": 8, "hnsw": 128}
FOUND = ("compared", "recall@10", "recall@100", "queries with unfilled places")
COLUMNS = ("kind", "setting", "recall@10", "recall@100", "recall@100[id]", "ms per query", "alone",
           "times faster than flat", "build, s", "bytes per item")  # fmt: skip

Codes = NDArray[np.uint8]


def medians(
    ways: Mapping[str, Callable[[], object]],
    queries: int,
    repeats: int = REPEATS,
    clock: Callable[[], float] = time.perf_counter,
    warm: bool = False,
) -> dict[str, float]:
    """Time each way in turn, so that other work slows all alike; milliseconds per query.

    warm: each way runs once more right before, so that the caches hold its own codes, not another way's.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            if warm:
                way()
            start = clock()
            way()
            if turn:  # the first turn warms up
                times[name].append(clock() - start)
    return {name: 1000 * statistics.median(values) / queries for name, values in times.items()}


def compare_kinds(items: int) -> bool:
    """Print what each kind costs and finds; say whether what is required was reached."""
    codes, queries = clustered_codes("items", items), clustered_codes("queries", QUERIES)
    tuning = clustered_codes("tuning", QUERIES)
    indexes: dict[str, CodeIndex] = {}
    seconds: dict[str, str] = {}
    kinds: tuple[Literal["flat"] | Kind, ...] = ("flat", *KINDS)
    for built in kinds:
        start = time.perf_counter()
        indexes[built] = CodeIndex.build(codes, np.arange(items), built, tuning)
        seconds[built] = f"{time.perf_counter() - start:.1f}"
    batch, single = times(codes, indexes, queries, REPEATS), times(codes, indexes, queries[:1], ALONE)
    exact = indexes["flat"].search(queries, TOP)
    print(f"{items} codes of {BITS} bits around {PROTOTYPES} prototypes, {FLIPPED:.0%} of the bits flipped;")
    print(f"top {TOP} of {QUERIES} queries, {cores()} threads\n\n| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|")
    print(f"| FAISS directly | | 1 | 1 | 1 | {batch[FAISS]:.4f} | {single[FAISS]:.3f} | | | |")
    reached: dict[str, bool] = {}
    for kind, index in indexes.items():
        found = index.search(queries, TOP)
        recalls = recall(found, exact, 10) | recall(found, exact, 100)
        faster = batch["flat"] / batch[kind]
        fit = index.kind == kind and recalls["recall@100"] >= LEAST_RECALL
        reached[kind] = fit and faster >= LEAST_FASTER
        name = f"{kind} (searched exactly)" if index.remark else kind
        shown = [f"{recalls[column]:.3f}" for column in COLUMNS if column in recalls]
        shown += [f"{batch[kind]:.4f}", f"{single[kind]:.3f}", f"{faster:.1f}", seconds[kind]]
        print(f"| {' | '.join((name, setting(index), *shown, f'{stored(index):.0f}'))} |")
    compare_real(indexes, medians)
    auto = CodeIndex.build(codes, np.arange(items), "auto", tuning).kind
    ratio = batch["flat"] / batch[FAISS]
    print(f"\nflat takes {ratio:.2f} times what FAISS takes directly (at most {MOST_SLOWER} is required);")
    print(f"`auto` takes {auto}; at least {LEAST_FASTER:g} times faster than flat is required at 1,000,000.")
    uniform = stream(0, "benchmark", "uniform").integers(0, 256, (min(items, 100_000), BITS // 8), np.uint8)
    print(f"\nUniform random codes: {CodeIndex.build(uniform, np.arange(len(uniform)), 'ivf').remark}.\n")
    return ratio <= MOST_SLOWER and (items < 1_000_000 or reached[auto])


def compare_groups() -> None:
    """Print what lists and a graph find where fewer and fewer codes are equal; without times."""
    print(
        f"{GROUPED} codes of {BITS} bits around {GROUPED // 50} prototypes, top {TOP} of {QUERIES} queries\n"
    )
    print(f"| bits flipped | different codes | kind | setting | {' | '.join(FOUND)} |")
    print("|---" * (4 + len(FOUND)) + "|")
    for flipped in (0.0, 0.01, 0.02, 0.05, 0.1):
        codes, queries = (
            clustered_codes(name, items, flipped, GROUPED // 50)
            for name, items in (("items", GROUPED), ("queries", QUERIES))
        )
        exact = nearest(queries, codes, np.arange(GROUPED), TOP)
        distinct = len(np.unique(codes, axis=0))
        for kind, work in WORK.items():
            structure = build_structure(kind, codes, np.arange(GROUPED), seed=0)
            structure.tune(work)
            found, compared = structure.compared(queries, TOP)
            recalls = recall(found, exact, 10) | recall(found, exact, 100)
            shown = [f"{compared:.1%}", f"{recalls['recall@10']:.3f}", f"{recalls['recall@100']:.3f}"]
            shown.append(f"{(found[0] < 0).any(axis=1).mean():.1%}")
            print(f"| {flipped:.0%} | {distinct} | {kind} | {NAMES[kind]} {work} | {' | '.join(shown)} |")
    print()


def times(codes: Codes, indexes: Mapping[str, CodeIndex], queries: Codes, repeats: int) -> dict[str, float]:
    """Time FAISS's own flat index and the others, milliseconds per query."""
    direct = faiss.IndexBinaryFlat(BITS)
    direct.add(codes)
    ways = {kind: partial(index.search, queries, TOP) for kind, index in indexes.items()}
    return medians({FAISS: partial(direct.search, queries, TOP), **ways}, len(queries), repeats)


def setting(index: CodeIndex) -> str:
    """Name the work that was chosen."""
    return "" if index.structure is None else f"{NAMES[index.structure.kind]} {index.structure.setting}"


def stored(index: CodeIndex) -> float:
    """Size of the file, bytes per item."""
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder) / "index")
        return (Path(folder) / "index").stat().st_size / len(index)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="Kinds of index; two stages against brute force.")
    parser.add_argument("project", nargs="?", type=Path, help="a folder where `dvc repro` ran with hq")
    parser.add_argument("--items", type=int, default=1_000_000, help="codes that the kinds are compared on")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--only", choices=("flat", "kinds", "groups", "stages"))
    chosen = parser.parse_args()
    faiss.omp_set_num_threads(cores())
    reached = True
    if chosen.only in (None, "flat"):
        reached &= compare_flat(chosen.items, medians, time.process_time)
    if chosen.only in (None, "kinds"):
        reached &= compare_kinds(chosen.items)
    if chosen.only in (None, "groups"):
        compare_groups()
    if chosen.only in (None, "stages"):
        with tempfile.TemporaryDirectory() as folder:
            project = chosen.project or trained_hq(Path(folder) / "project")
            reached &= compare_sizes(project, chosen.sizes, medians)
    if not reached:
        sys.exit(1)


if __name__ == "__main__":
    run_stage(main)
