"""Flat search, by Hamming distance and asymmetric, beside FAISS's own and what other libraries take.

Processor time on one thread, all ways in turn, medians: other work on the machine tells less on it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.clustered import clustered_codes, clustered_reals
from crosshash.index.code_index import CodeIndex
from crosshash.index.structures import build_structure

TOP, BATCHES = 100, (1, 16, 256)
MOST: dict[int, tuple[float, float, float]] = {
    16: (0.12, 0.12, 0.12),
    32: (0.45, 0.45, 0.45),
    64: (0.55, 0.55, 0.55),
    128: (0.95, 0.80, 0.80),
}
"""Share of FAISS's time that is required at most, by bits and queries at once."""

LEAST_RECALL, JUDGED = 0.99, 64
FAISS = "FAISS IndexBinaryFlat"
OWN = ("Hamming", "asymmetric")
OTHERS = (1, 16)  # queries that the slower ways of others are asked

Way = Callable[[], object]
Medians = Callable[..., dict[str, float]]


def compare_flat(items: int, medians: Medians, clock: Callable[[], float]) -> bool:
    """Print a table per length; say whether what is required at 1,000,000 codes was reached."""
    faiss.omp_set_num_threads(1)
    print(f"{items} codes, top {TOP}, one thread, processor time per query as a share of {FAISS}'s\n")
    print("| bits | search | 1 query | 16 queries | 256 queries | of the exact first 100 | required |")
    print("|---|---|---|---|---|---|---|")
    reached = True
    for bits, most in MOST.items():
        codes = clustered_codes("items", items, bits=bits)
        ways, notes = _ways(codes)
        found: dict[str, list[float]] = {}
        for count in BATCHES:
            repeats = 25 if count == 1 else 5
            for names in (OWN, tuple(name for name in ways if name not in OWN)):
                # Threads of other libraries go on waiting after a search, at the processor's full speed.
                asked = {name: partial(ways[name], count) for name in (FAISS, *names) if _asked(name, count)}
                times = medians(asked, count, repeats=repeats, clock=clock, warm=True)
                for name in asked:
                    if name != FAISS:
                        found.setdefault(name, []).append(times[name] / times[FAISS])
                    elif names == OWN:
                        found.setdefault("ms", []).append(times[FAISS])
        own = found.pop("ms")
        print(f"| {bits} | {FAISS} | {' | '.join(f'{ms:.3f} ms' for ms in own)} | 1 | |")
        for name in [name for name in ways if name != FAISS]:
            shares = [f"{share:.2f}" for share in found[name]] + [""] * (len(BATCHES) - len(found[name]))
            required = name in OWN
            told = " / ".join(f"{share:g}" for share in most) if required else ""
            print(f"| | {name} | {' | '.join(shares)} | {notes[name]:.4f} | {told} |", flush=True)
            if required:
                reached &= all(share <= limit for share, limit in zip(found[name], most, strict=True))
                reached &= notes[name] >= LEAST_RECALL
    return reached or items < 1_000_000


def compare_real(indexes: Mapping[str, CodeIndex], medians: Medians) -> None:
    """Print what real-valued queries find and cost by the scan of all codes and in the lists of ivf."""
    reals, everything = clustered_reals("queries", 512), indexes["flat"].rows
    best = indexes["flat"].search_real(reals[:JUDGED], TOP, keep=everything)[0]
    print("\nAsymmetric, the same codes:\n\n| kind | of the exact first 100 | ms per query | alone |")
    print("|---|---|---|---|")
    ways = {name: indexes[name].search_real for name in ("flat", "ivf")}
    batch, alone = (
        medians({name: partial(way, reals[:count], TOP) for name, way in ways.items()}, count, repeats)
        for count, repeats in ((512, 5), (1, 100))
    )
    for name, way in ways.items():
        shared = _shared(way(reals[:JUDGED], TOP)[0], best)
        print(f"| {name} | {shared:.4f} | {batch[name]:.4f} | {alone[name]:.3f} |")
    print()


def _asked(name: str, count: int) -> bool:
    return count in OTHERS or name in (FAISS, *OWN)


def _ways(codes: NDArray[np.uint8]) -> tuple[dict[str, Callable[[int], object]], dict[str, float]]:
    """Give what is compared, by the number of queries, and which share of the exact answer each finds."""
    items, bits = len(codes), 8 * codes.shape[1]
    queries = clustered_codes("queries", max(BATCHES), bits=bits)
    reals = clustered_reals("queries", max(BATCHES), bits)
    index, direct = CodeIndex.build(codes, np.arange(items)), faiss.IndexBinaryFlat(bits)
    direct.add(codes)
    tables = build_structure("multihash", codes, np.arange(items), seed=0)
    tables.tune(1)
    exact = index.search(queries[:JUDGED], TOP)[0]
    best = index.search_real(reals[:JUDGED], TOP, keep=np.arange(items))[0]
    assert np.array_equal(direct.search(queries[:JUDGED], TOP)[1], exact)
    ways: dict[str, Callable[[int], Any]] = {
        FAISS: lambda count: direct.search(queries[:count], TOP),
        "Hamming": lambda count: index.search(queries[:count], TOP),
        "asymmetric": lambda count: index.search_real(reals[:count], TOP),
        "FAISS multi-hash, nflip 1": lambda count: tables.search(queries[:count], TOP),
        **_of_others(codes, queries),
    }
    notes = {"Hamming": 1.0, "asymmetric": _shared(index.search_real(reals[:JUDGED], TOP)[0], best)}
    notes["FAISS multi-hash, nflip 1"] = _shared(tables.search(queries[:JUDGED], TOP)[0], exact)
    # Others settle ties in ways of their own: their answers are exact by distance.
    return ways, {name: notes.get(name, 1.0) for name in ways}


def _shared(rows: NDArray[np.int64], exact: NDArray[np.int64]) -> float:
    return float(np.mean([len(np.intersect1d(a, b)) for a, b in zip(rows, exact, strict=True)]) / TOP)


def _of_others(codes: NDArray[np.uint8], queries: NDArray[np.uint8]) -> Mapping[str, Callable[[int], object]]:
    """Exact searches of other libraries; those that are not installed are named and left out."""
    ways: dict[str, Callable[[int], object]] = {}
    usearch, pynear = _library("usearch.index"), _library("pynear")
    if usearch is not None:
        kind = usearch.MetricKind.Hamming
        ways["usearch exact"] = lambda count: usearch.search(
            codes, queries[:count], TOP, kind, exact=True, threads=1, dtype="b1"
        )
    if pynear is not None:
        tree = pynear.VPTreeBinaryIndex()
        tree.set(codes)
        ways["pynear VPTreeBinaryIndex"] = lambda count: tree.searchKNN(queries[:count], TOP)
    return ways


def _library(name: str) -> Any:  # noqa: ANN401 - they have no types
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name.partition('.')[0]} is not installed (pip install -e '.[bench]'): left out")
        return None
