"""Flat search by FAISS's 4-bit fast scan: a code is a product-quantised vector whose dictionaries are known.

Four bits are a group, their 16 +-1 patterns its words. FAISS looks the distances of a query to 16 words up in
registers, 32 codes at a time (André et al., VLDB 2015; `IndexPQFastScan`), which is faster than counting bits
of short codes, and takes queries of real values as well.

Tables are rounded to 8 bits, by one scale for all: 255 / the widest span of a table. Distances of +-1 queries
span 16, which would round. One group more makes them exact: its word 0, that of all codes, is 0, its others
lie sqrt(17) away from the query's 0. So the span is 17, the scale 15, every entry a whole number, and equal
distances are equal scores. It costs a byte a code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from crosshash.index.asymmetric import Reals, Scored, best, rescored
from crosshash.index.exact import Codes, Found, one_thread, scan

GROUP, WORDS = 4, 16
SPAN = 17.0  # 255 / 17 is a whole number; the next one below, 15, is less than the distances span
LONGEST = 128  # bytes: 257 groups, whose sums still fit the 16 bits that FAISS adds in
COUNTED = 8  # bytes of the longest code whose Hamming distances are looked up; beyond, bits are counted
HEAP = 12  # FAISS's `implem` that keeps the best in a heap, of equal ones the first
ALONE, SHORT = 14, 2  # the one for a single query of so few bytes: a tenth less time, the same answers
AT_ONCE = 0x2222  # FAISS's `qbs`: 8 queries a pass, two by two; its own 3, 3, 3, 2 takes a third longer


@dataclass(frozen=True)
class FastScan:
    """Codes uint8[N, W], searched by the scan up to 1,024 bits, and beyond by going through them."""

    packed: Codes

    @cached_property
    def blocks(self) -> Any:  # noqa: ANN401 - FAISS has no types
        """The codes as the scan reads them, laid out when first asked for; None where it cannot take them.

        A million of 64 bits take some hundredths of a second.
        """
        width = self.packed.shape[1]
        if width > LONGEST or not len(self.packed):
            return None
        groups = 2 * width + 1
        by_rows: Any = faiss.IndexPQ(GROUP * groups, groups, WORDS.bit_length() - 1, faiss.METRIC_L2)
        faiss.copy_array_to_vector(_words(groups).ravel(), by_rows.pq.centroids)
        by_rows.is_trained = True
        by_rows.add_sa_codes(np.pad(self.packed, ((0, 0), (0, 1))))
        blocks: Any = faiss.IndexPQFastScan(by_rows)
        blocks.qbs = AT_ONCE
        return blocks

    def nearest(self, queries: Codes, top: int) -> Found:
        """Find places int64[Q, top] and distances int32[Q, top], by distance, then place, on one thread.

        queries: packed uint8[Q, W]; top: at most N.
        """
        if self.packed.shape[1] > COUNTED or self.blocks is None:
            return scan(queries, self.packed, top)
        signs = 2 * np.unpackbits(queries, axis=1).astype(np.float32) - 1
        squares, places = self._search(signs, top)
        return places, np.rint(squares / 4).astype(np.int32)  # bits that differ are 2 apart

    def best(self, queries: Reals, top: int) -> Scored:
        """Find places int64[Q, top] and scores float64[Q, top], by falling score, then place, on one thread.

        queries: float32[Q, 8 W], none all zeros. The scan finds some more than `top`, which are scored
        exactly: what its rounding confuses is nearly always among them.
        """
        if self.blocks is None:
            return best(queries, self.packed, np.arange(len(self.packed)), top)
        # As long as +-1 values: the widest table of the query spans 16 of the 17 that all are rounded by.
        wide = queries.astype(np.float64)
        longest = np.abs(wide).reshape(len(queries), -1, GROUP).sum(axis=2).max(axis=1, keepdims=True)
        _, places = self._search((wide * (GROUP / longest)).astype(np.float32), self._candidates(top))
        return rescored(queries, self.packed, places, top)

    def _search(self, queries: Reals, top: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scan for queries float32[Q, 8 W] whose values are in the order of the bits."""
        # FAISS takes the low half of a byte for the first group, and in it the lowest bit for the first.
        laid = np.zeros((len(queries), self.blocks.d), np.float32)
        laid[:, :-GROUP] = queries.reshape(len(queries), -1, 8)[:, :, ::-1].reshape(len(queries), -1)
        # Where another thread changes it at the same time, no answer does.
        self.blocks.implem = ALONE if len(queries) == 1 and self.packed.shape[1] <= SHORT else HEAP
        with one_thread():  # for a top of 1 FAISS keeps signed numbers of 16 bits, which long codes exceed
            squares, places = self.blocks.search(laid, max(top, 2))
        return squares[:, :top], places[:, :top]

    def _candidates(self, top: int) -> int:
        return min(len(self.packed), top + 32 + top // 16)


def _words(groups: int) -> NDArray[np.float32]:
    """Give the words of all groups float32[M, 16, 4]: the signs of each number's bits, lowest first."""
    words = np.empty((groups, WORDS, GROUP), np.float32)
    words[:] = 2.0 * ((np.arange(WORDS)[:, None] >> np.arange(GROUP)) & 1) - 1
    words[-1] = 0
    words[-1, 1:, 0] = np.sqrt(SPAN)
    return words
