"""A hundred million codes of 64 bits in lists, a billion of 16 bits scanned: built, saved, searched, served.

python -m benchmarks.billion [--items 1000000 10000000 100000000] [--bits 64]
                             [--prototypes 100000] [--kind ivf|flat|equal] [--folder FOLDER] [--serve]

Codes lie around random prototypes, 10.2 % of their bits flipped. Each step is a process of its own, whose
peak memory is the system's figure (mapped files count as far as they are in memory); searches run on one
thread, one query at a time, and times are of the processor. `--serve` also answers texts by the service.
Files (up to 24 bytes an item) lie below FOLDER, by default a temporary one, and go afterwards. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.many_codes import ManyCodes
from crosshash.errors import run_stage
from crosshash.index.exact import Found
from crosshash.index.large.build import build
from crosshash.index.large.large_index import Kind, LargeIndex
from crosshash.index.large.scan import Scan
from crosshash.index.large.shards import CodeShards, exact
from crosshash.index.recall import recall

QUERIES, FEW, TOP = 100, 20, 100
COLUMNS = ("items", "bits", "prototypes", "kind", "build, s", "of processor time", "GB at most",
           "bytes per item", "nprobe", "compared", "recall@10", "recall@100", "recall@100[id]",
           "Hamming, ms", "asymmetric, ms", "asymmetric, of the first 100",
           "all scanned, ms", "GB at most when searched")  # fmt: skip


def alone(work: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
    """Run work in a process of its own; adds how long it took and the most memory it held."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, arguments))


def _measured(work: Callable[..., dict[str, Any]], arguments: Sequence[object]) -> dict[str, Any]:
    wall, processor = time.perf_counter(), time.process_time()
    found = work(*arguments)
    return found | {
        "seconds": time.perf_counter() - wall,
        "processor": time.process_time() - processor,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def make(folder: Path, items: int, many: ManyCodes) -> dict[str, Any]:
    """Write the codes."""
    return {"shards": many.write_shards(folder, items)}


def built(folder: Path, shards: Sequence[Path], kind: Kind, many: ManyCodes) -> dict[str, Any]:
    """Build the index, and say what became of it."""
    index = build(folder, CodeShards(shards), kind, many.codes("tuning", 256))
    size = sum(path.stat().st_size for path in folder.iterdir())
    found = {"kind": index.kind, "nprobe": index.setting, "remark": index.remark, "bytes": size / len(index)}
    return found | {"tried": index.description.get("search", [])}


def truth(shards: Sequence[Path], many: ManyCodes, count: int) -> dict[str, Any]:
    """Search all codes for the queries, by FAISS's counting of bits."""
    return {"found": exact(CodeShards(shards), many.codes("queries", QUERIES)[:count], TOP)}


def searched(folder: Path, many: ManyCodes, expected: Found) -> dict[str, Any]:
    """Search by both distances, one query at a time."""
    index = LargeIndex.load(folder)
    count = len(expected[0])
    found, hamming = _one_by_one(index.search, many.codes("queries", QUERIES)[:count])
    answers, real = _one_by_one(index.search_real, many.reals("queries", QUERIES)[:count])
    recalls = recall(found, expected, 10) | recall(found, expected, 100)
    return recalls | {"hamming": hamming, "real": real, "answers": answers[0]}


def scanned(folder: Path, many: ManyCodes) -> dict[str, Any]:
    """Scan all codes for a few queries: times, and rows of the best by real queries."""
    index = LargeIndex.load(folder)
    scan = Scan(np.asarray(index.packed))
    _ = scan.flats
    reals = many.reals("queries", QUERIES)
    _, hamming = _one_by_one(scan.nearest, many.codes("queries", QUERIES)[:8])
    places, real = _one_by_one(scan.best, reals[:16])
    rows = places[0] if index.rows is None else index.rows[places[0]]
    return {"hamming": hamming, "real": real, "rows": np.asarray(rows, np.int64)}


def compared(folder: Path, many: ManyCodes) -> float:
    """Say which share of the codes a query is compared with."""
    index = LargeIndex.load(folder)
    whole: Any = index._whole
    return float(whole.compared(many.codes("queries", QUERIES), TOP)) if index.kind == "ivf" else 1.0


def _one_by_one(search: Callable[[Any, int], Any], queries: NDArray[Any]) -> tuple[Any, float]:
    """Search for one query after the other; gives all that was found, and processor time, ms per query."""
    search(queries[:1], TOP)  # the first one warms up
    start = time.process_time()
    found = [search(queries[place : place + 1], TOP) for place in range(len(queries))]
    milliseconds = 1000 * (time.process_time() - start) / len(queries)
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True)), milliseconds


def row(folder: Path, items: int, many: ManyCodes, kind: Kind) -> list[str]:
    """Measure one index, which stays in the folder; gives a row of the table."""
    made = alone(make, folder / "shards", items, many)
    print(f"{items} codes made in {made['seconds']:.0f} s", flush=True)
    index = alone(built, folder / "index", made["shards"], kind, many)
    print(f"built: {index}", flush=True)
    count = QUERIES if index["kind"] == "ivf" else FEW
    expected = alone(truth, made["shards"], many, count)["found"]
    found = alone(searched, folder / "index", many, expected)
    share = scan = None
    if index["kind"] == "ivf":
        scan, share = alone(scanned, folder / "index", many), compared(folder / "index", many)
    answers = found.pop("answers")
    print(f"searched: {found}", flush=True)
    same = (
        [len(np.intersect1d(a, b)) / TOP for a, b in zip(answers, scan["rows"], strict=False)] if scan else []
    )
    return [
        f"{items:,}", str(many.bits), f"{many.prototypes:,}", index["kind"],
        f"{index['seconds']:.0f}", f"{index['processor']:.0f}", f"{index['gigabytes']:.1f}",
        f"{index['bytes']:.2f}", str(index["nprobe"] or ""),
        "1" if share is None else f"{share:.5f}", *(f"{found[name]:.3f}" for name in COLUMNS[10:13]),
        f"{found['hamming']:.2f}", f"{found['real']:.2f}", f"{np.mean(same):.3f}" if same else "",
        f"{scan['hamming']:.0f} / {scan['real']:.0f}" if scan else "", f"{found['gigabytes']:.1f}",
    ]  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Indexes of very many codes.")
    parser.add_argument("--items", type=int, nargs="+", default=[1_000_000, 10_000_000, 100_000_000])
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--prototypes", type=int, default=100_000)
    parser.add_argument("--kind", choices=get_args(Kind), default="ivf")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--serve", action="store_true", help="also answer texts by `crosshash serve`")
    chosen = parser.parse_args()
    rows, served = [], []
    for items in chosen.items:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
            many = ManyCodes(chosen.bits, chosen.prototypes)
            rows.append(row(Path(name), items, many, chosen.kind))
            shutil.rmtree(Path(name) / "shards")
            if chosen.serve:
                from benchmarks.large_service import serve  # its libraries are no part of an index's memory

                served.append(serve(Path(name), chosen.bits))
    print(f"\n| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for one in rows:
        print(f"| {' | '.join(one)} |")
    print("", *served, sep="\n")


if __name__ == "__main__":
    run_stage(main)
