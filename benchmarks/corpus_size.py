"""Quality against the size of what is searched: the same queries and real items, more and more distractors.

python -m benchmarks.corpus_size [FEATURES] [--sizes 3500 10000 100000 1000000] [--queries 100] [--penalty 10]

FEATURES: a folder with vectors, captions and labels (docs/data.md); without it one is made. The float
values are 64 directions of CCA; codes of 64, 32 and 16 bits are the first so many, turned by ITQ. Up to ten
distractors per real item are real ones moved by half a deviation, the others are drawn independently, of the
same means and covariance. Distractors are relevant to nothing. After CoRECT (arXiv 2510.19340).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the stages

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import batches, built, described
from benchmarks.made_features import make_features
from benchmarks.runs import convert
from crosshash.codes.hamming import distances
from crosshash.codes.hashcodes import pack
from crosshash.models.closed_form import joined
from crosshash.projections.rotation import itq, random_rotation

DIMENSIONS, LENGTHS = 64, (64, 32, 16)
PERTURBED, MOVED = 10, 0.5
FIRST, BLOCK = 10, 8
TASKS = {"i2t": ("image", "text"), "t2i": ("text", "image")}
Values = NDArray[np.float32]
Codes = NDArray[np.uint8]
Sides = Mapping[str, Values]
Find = Callable[[str, str], Iterator[Values]]


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description="Quality against corpus size.")
    parser.add_argument("features", nargs="?", type=Path, metavar="FEATURES")
    parser.add_argument("--sizes", type=int, nargs="*", default=[3_500, 10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--penalty", type=float, default=10.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        features = asked.features.resolve() if asked.features else make_features(Path(folder) / "features")
        sides = values_of(Path(folder) / "project", features, asked.penalty)
    query = {name: found[: asked.queries] for name, found in sides["query"].items()}
    relevant = query["labels"] @ sides["retrieval"]["labels"].T > 0
    print("| items | stored as | bytes | P@10 i2t | P@10 t2i | partner@10 i2t | partner@10 t2i |")
    print("|--:|---|" + "--:|" * 5)
    for size in asked.sizes:
        started = time.perf_counter()
        corpus = {name: grown(sides["retrieval"][name], query[name], size) for name in ("image", "text")}
        for stored, size_of_item, find in ways(query, sides["retrieval"], corpus):
            scores = [score(find(*task), len(query["image"]), relevant) for task in TASKS.values()]
            cells = " | ".join(f"{scores[task][one]:.3f}" for one in (0, 1) for task in (0, 1))
            print(f"| {size:,} | {stored} | {size_of_item} | {cells} |", flush=True)
        print(f"<!-- {time.perf_counter() - started:.0f} s -->", flush=True)


def values_of(project: Path, features: Path, penalty: float) -> dict[str, Sides]:
    """Fit CCA to the training pairs; give values float32[N, 64] and labels of queries and retrieval set."""
    convert(project, ["dataset=features", f"features.path={features}"])
    towers, card = described(project, "cca")
    method = built(card, towers, DIMENSIONS, "sign")
    parts = {part: list(batches(project, part, towers)) for part in ("train", "val", "query")}
    method.solve(method.look_at(parts["train"]), penalty, np.random.default_rng(0))
    found = {part: joined([method.features(one) for one in many]) for part, many in parts.items()}
    found["retrieval"] = joined([found["train"], found["val"]])
    return {
        side: {name: method.code_of(name, found[side][name]) for name in ("image", "text")}
        | {"labels": found[side]["labels"]}
        for side in ("query", "retrieval")
    }


def grown(real: Values, query: Values, size: int) -> Values:
    """Put distractors behind real items, of which the first are the queries' partners: float32[size, 64]."""
    generator = np.random.default_rng(0)
    there = np.concatenate([query, real])
    moved = min(PERTURBED * len(real), max(0, size - len(real)))
    shift = MOVED * real.std(axis=0) * generator.standard_normal((moved, real.shape[1]), np.float32)
    factor = np.linalg.cholesky(np.cov(real.T) + 1e-9 * np.eye(real.shape[1])).astype(np.float32)
    rest = max(0, size - len(real) - moved)
    drawn = generator.standard_normal((rest, real.shape[1]), np.float32) @ factor.T + real.mean(axis=0)
    return np.concatenate([there, real[np.arange(moved) % len(real)] + shift, drawn])


def ways(query: Sides, real: Sides, corpus: Sides) -> Iterator[tuple[str, int, Find]]:
    """Name the ways of storing, with bytes per item, and blocks of distances from queries to the corpus."""
    # Long vectors would be found whatever they are like, and noise makes distractors long.
    units = {name: found / np.linalg.norm(found, axis=1, keepdims=True) for name, found in corpus.items()}
    yield "float, cosine", 4 * DIMENSIONS, lambda asks, answers: products(query[asks], units[answers])
    for bits in LENGTHS:
        first = np.concatenate([real[name][:, :bits] for name in ("image", "text")])
        turn = itq(first, random_rotation(bits, bits, np.random.default_rng(0))).astype(np.float32)
        asking = {name: query[name][:, :bits] @ turn for name in ("image", "text")}
        codes = {name: pack(corpus[name][:, :bits] @ turn) for name in ("image", "text")}
        yield "codes, Hamming", bits // 8, partial(hamming, asking, codes)
        yield "codes, asymmetric", bits // 8, partial(asymmetric, asking, codes)


def hamming(asking: Sides, codes: Mapping[str, Codes], asks: str, answers: str) -> Iterator[Values]:
    """Give Hamming distances, some queries at a time: float32[q, N]."""
    for rows in range(0, len(asking[asks]), BLOCK):
        yield distances(pack(asking[asks][rows : rows + BLOCK]), codes[answers]).astype(np.float32)


def asymmetric(asking: Sides, codes: Mapping[str, Codes], asks: str, answers: str) -> Iterator[Values]:
    """Compare real queries with the signs of items."""
    yield from products(asking[asks], 2 * np.unpackbits(codes[answers], axis=1).astype(np.float32) - 1)


def products(query: Values, items: Values) -> Iterator[Values]:
    """Give falling inner products as rising distances, some queries at a time: float32[q, N]."""
    for rows in range(0, len(query), BLOCK):
        yield -(query[rows : rows + BLOCK] @ items.T)


def score(blocks: Iterator[Values], queries: int, relevant: NDArray[np.bool_]) -> tuple[float, float]:
    """Give P@10 by labels, not counting partners, and recall@10 of the partner; ties by expectation."""
    precision, partner, row = 0.0, 0.0, 0
    for block in blocks:
        for distance in block:
            near, tied = (distance < distance[row]).sum(), (distance == distance[row]).sum()
            partner += float(np.clip((FIRST - near) / tied, 0, 1))
            items = distance[queries:]
            edge = np.partition(items, FIRST - 1)[FIRST - 1]
            before, at, known = items < edge, items == edge, relevant[row]
            share = (FIRST - before.sum()) / at.sum()
            found = [(known & group[: len(known)]).sum() for group in (before, at)]
            precision += float(found[0] + share * found[1])
            row += 1
    return precision / (FIRST * queries), partner / queries


if __name__ == "__main__":
    main()
