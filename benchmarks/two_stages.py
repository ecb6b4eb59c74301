"""Two stages of search against brute force over the real vectors, on sets grown by perturbing items.

Part of `python -m benchmarks.search`. A set is grown by copies of random items of a trained HQ's retrieval
set: their real vector with Gaussian noise of a share of its length, their labels, the signs as code, and the
words that sweeps find from those of the item. Brute force is one matrix product by numpy, and FAISS's
IndexFlatIP; the faster of both counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.rerank import searches
from crosshash.codes.hashcodes import pack
from crosshash.index.code_index import CodeIndex
from crosshash.index.reranked_search import search_two_stages
from crosshash.retrieval.scoring.two_stage_scores import Search
from crosshash.seeding import stream
from crosshash.workers.cores import cores

NOISE = 0.2  # share of an item's length
SWEEPS = 3  # of the search for words, from those of the item
SHOWN, QUERIES = 50, 500
CANDIDATES = (100, 200, 500, 1_000, 2_000, 5_000, 10_000)
MOST_LOST = 0.03
FASTER = {100_000: 1.5, 1_000_000: 5.0}
CELLS = 1 << 26  # scores that brute force holds at once

Timer = Callable[[Mapping[str, Callable[[], object]], int], dict[str, float]]
Rows = NDArray[np.int64]


def compare_sizes(project: Path, sizes: Sequence[int], timer: Timer) -> bool:
    """Print times and scores at each size; say whether what is required was reached."""
    found, _ = searches(project)
    search = shortened(found["t2i"])
    own = len(search.words)
    print(f"t2i, the first {SHOWN} of {len(search.vectors)} queries at once, {cores()} threads; {own} items")
    print(f"of a trained hq, grown with noise of {NOISE:.0%} of an item's length\n")
    print("| items | first stage | candidates | ms numpy | ms FAISS | ms two stages | times faster |"
          " AP@50[hits] real | two stages | lost |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    reached = [compare(grown(search, size), size, own, timer) for size in sorted({own, *sizes})]
    return all(reached)


def shortened(search: Search) -> Search:
    """Keep so many queries."""
    rows = slice(0, QUERIES)
    codes, labels = (search.codes[0][rows], search.codes[1]), (search.labels[0][rows], search.labels[1])
    return replace(search, codes=codes, labels=labels, names=search.names[rows], vectors=search.vectors[rows])


def grown(search: Search, size: int) -> Search:
    """Give a set of so many items: the set's own first, then perturbed copies."""
    generator = stream(0, "benchmark", "grown", size)
    own = len(search.words)
    chosen = np.concatenate([np.arange(own), generator.integers(own, size=max(0, size - own))])[:size]
    real = search.real[chosen]
    deviation = NOISE * np.linalg.norm(real[own:], axis=1, keepdims=True) / real.shape[1] ** 0.5
    real[own:] += generator.standard_normal(real[own:].shape, np.float32) * deviation
    words = search.words[chosen].astype(np.int64)
    with threadpool_limits(cores()):
        for _ in range(SWEEPS):
            words[own:] = search.codebook.sweep(real[own:], words[own:])
    return replace(
        search,
        codes=(search.codes[0], pack(real)),
        labels=(search.labels[0], search.labels[1][chosen]),
        words=words.astype(search.words.dtype),
        real=real,
    )


def compare(search: Search, size: int, own: int, timer: Timer) -> bool:
    """Print a line per first stage; the candidates are as many as lose little enough."""
    queries, reached = len(search.vectors), True
    flat = faiss.IndexFlatIP(search.real.shape[1])
    flat.add(search.real)
    best = brute(search)
    score = precision(search, best)
    items = np.arange(len(search.words))
    exact = CodeIndex.build(search.codes[1], items)
    grown_up = CodeIndex.build(search.codes[1], items, "auto", search.codes[0])
    for index in (exact, grown_up) if grown_up.kind != "flat" else (exact,):
        for candidates in CANDIDATES:
            lost = score - precision(search, staged(search, index, candidates))
            if lost <= MOST_LOST:
                break
        ways: dict[str, Callable[[], object]] = {
            "numpy": lambda: brute(search),
            "FAISS": lambda: flat.search(search.vectors, SHOWN),
            "stages": partial(staged, search, index, candidates),
        }
        with threadpool_limits(cores()):
            times = timer(ways, queries)
        faster = min(times["numpy"], times["FAISS"]) / times["stages"]
        print(f"| {size} | {index.kind} | {candidates} | {times['numpy']:.3f} | {times['FAISS']:.3f} | "
              f"{times['stages']:.3f} | {faster:.1f} | {score:.3f} | {score - lost:.3f} | {lost:.3f} |",
              flush=True)  # fmt: skip
        reached &= faster >= FASTER.get(size, 0) and (size != own or lost <= MOST_LOST)
    return reached


def staged(search: Search, index: CodeIndex, candidates: int) -> Rows:
    """Search in two stages: rows int64[Q, SHOWN]."""
    book = search.codebook.dictionaries
    return search_two_stages(index, search.codes[0], search.vectors, search.words, book, candidates, SHOWN)[0]


def brute(search: Search) -> Rows:
    """Search the real vectors by one product per block of queries: rows int64[Q, SHOWN]."""
    found = np.empty((len(search.vectors), SHOWN), np.int64)
    step = max(1, CELLS // len(search.real))
    for start in range(0, len(found), step):
        scores = search.vectors[start : start + step] @ search.real.T
        top = np.argpartition(scores, len(search.real) - SHOWN, axis=1)[:, -SHOWN:]
        order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
        found[start : start + step] = np.take_along_axis(top, order, axis=1)
    return found


def precision(search: Search, rows: Rows) -> float:
    """AP@50[hits] of the rows found, mean over the queries; one without a hit counts as 0."""
    asked, known = search.labels
    hits = np.array([known[found] @ query > 0 for query, found in zip(asked, rows, strict=True)])
    at_hits = np.where(hits, np.cumsum(hits, axis=1) / np.arange(1, SHOWN + 1), 0).sum(axis=1)
    return float((at_hits / np.maximum(hits.sum(axis=1), 1)).mean())
