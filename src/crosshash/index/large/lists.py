"""Search in lists of codes around centroids, which lie side by side in mapped files (inverted file, IVF)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.byte_tables import byte_tables
from crosshash.index.asymmetric import Reals, Scored, Scores, first, scores_of
from crosshash.index.exact import Codes, Found, Rows
from crosshash.index.flat import Flat

MORE = 2  # lists for each one of `nprobe` where queries are real: it is chosen by Hamming distance


@dataclass(frozen=True)
class Lists:
    """Codes uint8[N, W] and rows int[N], list by list; starts int64[L + 1]; centroids uint8[L, W].

    nprobe: lists that a query looks at; more where these hold fewer codes than are asked for.
    """

    packed: Codes
    rows: NDArray[np.integer]
    starts: NDArray[np.int64]
    centroids: Codes
    nprobe: int

    @cached_property
    def quantiser(self) -> Flat:
        """The centroids that have codes, as the scan reads them."""
        return Flat(self.centroids[self._filled])

    def nearest(self, queries: Codes, top: int) -> Found:
        """Find about the `top` nearest: rows int64[Q, top] and distances int32[Q, top], on one thread."""

        def counted(query: int) -> Callable[[Codes], Scores]:
            return lambda codes: -np.bitwise_count(codes ^ queries[query]).sum(axis=1, dtype=np.float64)

        numbers = self._numbers(lambda count: self.quantiser.nearest(queries, count)[0], self.nprobe, top)
        rows, scores = self._searched(numbers, counted, top)
        return rows, (-scores).astype(np.int32)

    def best(self, queries: Reals, top: int) -> Scored:
        """Find about the `top` best, at most N: rows int64[Q, top] and exact scores float64[Q, top].

        queries: float32[Q, 8 W], none all zeros. On one thread.
        """
        tables = byte_tables(queries)
        numbers = self._numbers(lambda count: self.quantiser.best(queries, count)[0], MORE * self.nprobe, top)
        return self._searched(numbers, lambda query: lambda codes: scores_of(tables[query], codes), top)

    def compared(self, queries: Codes, top: int) -> float:
        """Say which share of the codes a query is compared with on average; centroids count as codes."""
        numbers = self._numbers(lambda count: self.quantiser.nearest(queries, count)[0], self.nprobe, top)
        sizes = [self._sizes[each].sum() + len(self._filled) for each in numbers]
        return float(np.mean(sizes) / len(self.rows))

    def _numbers(self, search: Callable[[int], Rows], count: int, top: int) -> list[NDArray[np.int64]]:
        """Give the lists to look at, nearest first: `count` for each query, or as many as hold `top`."""
        numbers = search(min(count, len(self._filled)))
        while self._sizes[numbers].sum(axis=1).min() < top:
            numbers = search(min(2 * numbers.shape[1], len(self._filled)))
        held = np.cumsum(self._sizes[numbers], axis=1)
        wanted = np.maximum(count, (held < top).sum(axis=1) + 1)
        return [each[:most] for each, most in zip(numbers, wanted, strict=True)]

    def _searched(
        self, numbers: list[NDArray[np.int64]], scorer: Callable[[int], Callable[[Codes], Scores]], top: int
    ) -> Scored:
        """Score all codes of each query's lists, which hold `top` at least."""
        found = np.empty((len(numbers), top), np.int64), np.empty((len(numbers), top))
        for query, chosen in enumerate(numbers):
            ranges = list(self._ranges(chosen))
            codes = np.concatenate([self.packed[each] for each in ranges])
            rows = np.concatenate([self.rows[each] for each in ranges])
            found[0][query], found[1][query] = first(scorer(query)(codes), rows, top)
        return found

    def _ranges(self, chosen: NDArray[np.int64]) -> Iterator[slice]:
        for number in self._filled[chosen]:
            yield slice(self.starts[number], self.starts[number + 1])

    @cached_property
    def _filled(self) -> NDArray[np.int64]:
        return np.flatnonzero(np.diff(self.starts))

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        return np.diff(self.starts)[self._filled]
