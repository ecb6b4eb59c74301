"""Counts per Hamming distance and number of shared labels: all that tie-aware measures need, without a sort.

The two loops hold no lock, so plain threads can share the queries.
Shapes: Q queries, N items, n those of a chunk, W words of a code, L of the labels, D distances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from crosshash.codes.hamming import words
from crosshash.retrieval.ranking.compiled import compiled

CHUNK = 2048  # retrieval items handled at once: their cells stay in the fastest cache
PART = 16 * CHUNK  # read for one query after the other: they stay in the next cache

Sides = tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]
"""Codes and labels of the queries, then of the retrieval items, as the compiled loops take them."""


@dataclass(frozen=True)
class Side:
    """Queries or retrieval items as words: codes uint64[W, N], labels uint64[L, N], one bit per class."""

    codes: NDArray[np.uint64]
    labels: NDArray[np.uint64]
    most_labels: int

    @classmethod
    def of(cls, packed: NDArray[np.uint8], labels: NDArray[np.generic]) -> Side:
        """Regroup packed codes uint8[N, ceil(K/8)] and labels[N, C], which count as given where not zero."""
        most = int(np.count_nonzero(labels, axis=1).max(initial=0))
        return cls(words(packed), label_words(labels), most)

    def __len__(self) -> int:
        return int(self.codes.shape[1])

    @property
    def distances(self) -> int:
        """How many Hamming distances its words allow; those beyond K are never met."""
        return 64 * int(self.codes.shape[0]) + 1


def label_words(labels: NDArray[np.generic]) -> NDArray[np.uint64]:
    """Write labels [N, C], given where not zero, as words with a bit per class: uint64[L, N]."""
    return words(np.packbits(np.asarray(labels) != 0, axis=1))


@compiled
def sharing(query_labels_LQ: NDArray[np.uint64], labels_LN: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Tell which items share a label with which queries: bool[Q, N]."""
    shared_QN = np.zeros((query_labels_LQ.shape[1], labels_LN.shape[1]), np.bool_)
    for q in range(len(shared_QN)):
        for w in range(len(labels_LN)):
            word, words_N = query_labels_LQ[w, q], labels_LN[w]
            if word:
                for j in range(len(words_N)):
                    shared_QN[q, j] |= (word & words_N[j]) != 0
    return shared_QN


def counts_by_distance(query: Side, retrieval: Side, rows: range, grades: int) -> NDArray[np.int32]:
    """Count retrieval items by distance and shared labels, for some queries: int32[len(rows), D, grades].

    The last grade stands for that many shared labels and more; `grades` 2 separates relevant from not.
    """
    counts = np.empty((len(rows), query.distances * grades), dtype=np.int32)
    _count(rows.start, _sides(query, retrieval), np.uint32(grades), counts)
    return counts.reshape(len(rows), query.distances, grades)


def grades_by_rank(query: Side, retrieval: Side, rows: range, grades: int) -> NDArray[np.uint16]:
    """Shared labels of all retrieval items, nearest first, ties by position: uint16[len(rows), N]."""
    items = counts_by_distance(query, retrieval, rows, grades).sum(axis=2, dtype=np.int64)
    first = np.cumsum(items, axis=1) - items
    ranked = np.empty((len(rows), len(retrieval)), dtype=np.uint16)
    _rank(rows.start, _sides(query, retrieval), np.uint32(grades), first, ranked)
    return ranked


def _sides(query: Side, retrieval: Side) -> Sides:
    return query.codes, query.labels, retrieval.codes, retrieval.labels


def _popcount_instruction(_context: object, _word: object) -> tuple[Any, Any]:
    """Tell numba how to count the set bits of a word: one instruction of the processor."""

    def generate(_context: object, builder: Any, _signature: object, arguments: Any) -> Any:  # noqa: ANN401
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


popcount = cast("Callable[[np.uint64], np.uint64]", intrinsic(_popcount_instruction))


@compiled
def _cells(
    q: int,
    start: int,
    sides: Sides,
    grades: np.uint32,
    cell: NDArray[np.uint32],
    shared: NDArray[np.uint32],
) -> NDArray[np.uint32]:
    """Cell `distance * grades + grade` of each item of a chunk, for query q; `cell`, `shared` are scratch.

    One plain loop per word, over slices: that is what compilers turn into vector instructions.
    """
    query_codes_WQ, query_labels_LQ, codes_WN, labels_LN = sides
    stop = min(start + CHUNK, codes_WN.shape[1])
    cell_n, shared_n = cell[: stop - start], shared[: stop - start]
    cell_n[:] = 0
    shared_n[:] = 0
    for w in range(codes_WN.shape[0]):
        word, words_n = query_codes_WQ[w, q], codes_WN[w, start:stop]
        for j in range(len(cell_n)):
            cell_n[j] += np.uint32(popcount(word ^ words_n[j]))
    for w in range(labels_LN.shape[0]):
        word, words_n = query_labels_LQ[w, q], labels_LN[w, start:stop]
        for j in range(len(cell_n)):
            shared_n[j] += np.uint32(popcount(word & words_n[j]))
    last = np.uint32(grades - 1)
    for j in range(len(cell_n)):
        cell_n[j] = cell_n[j] * grades + min(shared_n[j], last)
    return cell_n


@compiled
def _count(begin: int, sides: Sides, grades: np.uint32, counts: NDArray[np.int32]) -> None:
    """Histogram of the cells of each query from `begin` on, a row of `counts` each."""
    cell, shared = np.empty(CHUNK, np.uint32), np.empty(CHUNK, np.uint32)
    # Four histograms in turn: raising one counter twice in a row waits for the first write.
    lanes = np.empty((4, counts.shape[1]), np.int32)
    a, b, c, d = lanes[0], lanes[1], lanes[2], lanes[3]
    counts[:] = 0
    items = sides[2].shape[1]
    for first in range(0, items, PART):
        for row in range(len(counts)):
            lanes[:] = 0
            for start in range(first, min(first + PART, items), CHUNK):
                cells = _cells(begin + row, start, sides, grades, cell, shared)
                whole = len(cells) - len(cells) % 4
                for j in range(0, whole, 4):
                    a[cells[j]] += 1
                    b[cells[j + 1]] += 1
                    c[cells[j + 2]] += 1
                    d[cells[j + 3]] += 1
                for j in range(whole, len(cells)):
                    a[cells[j]] += 1
            for j in range(counts.shape[1]):
                counts[row, j] += a[j] + b[j] + c[j] + d[j]


@compiled
def _rank(
    begin: int, sides: Sides, grades: np.uint32, first: NDArray[np.int64], ranked: NDArray[np.uint16]
) -> None:
    """Counting sort, stable: each item's grade goes to the next free rank of its distance."""
    cell, shared = np.empty(CHUNK, np.uint32), np.empty(CHUNK, np.uint32)
    for row in range(len(ranked)):
        for start in range(0, sides[2].shape[1], CHUNK):
            cells = _cells(begin + row, start, sides, grades, cell, shared)
            for j in range(len(cells)):
                distance = cells[j] // grades
                rank = first[row, distance]
                first[row, distance] = rank + 1
                ranked[row, rank] = cells[j] - distance * grades
