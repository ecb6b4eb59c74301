"""FAISS's structures for approximate Hamming search; what they find goes by the rows of the items.

ivf: lists of codes around centroids, of which the `nprobe` nearest are searched. hnsw: a graph, walked with
the `efSearch` best so far. multihash: tables of parts of the code, looked up with up to `nflip` bits flipped.
All are built on one thread, so that equal codes give equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

from crosshash.index.exact import Codes, Found, Rows, one_thread, ordered
from crosshash.index.flat import Flat
from crosshash.seeding import stream, stream_seed

Kind = Literal["ivf", "hnsw", "multihash"]
KINDS: tuple[Kind, ...] = ("ivf", "hnsw", "multihash")
SETTINGS: dict[Kind, tuple[int, ...]] = {
    "ivf": (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
    "hnsw": (16, 32, 64, 128, 256, 512, 1024),
    "multihash": (0, 1, 2, 3),
}
"""nprobe, efSearch and nflip that are tried, least work first."""

NAMES: dict[Kind, str] = {"ivf": "nprobe", "hnsw": "efSearch", "multihash": "nflip"}
TRAINED = 40  # codes per list that k-means sees: one more than FAISS wants at least
LINKS = 16  # of a code in the graph, on each level but the lowest, which has twice as many
TABLES = 8  # of multihash, at most
NOWHERE = np.iinfo(np.int32).max  # distance of a place that no code was found for: beyond any code's
WORD = 8  # bytes that multihash reads at once, also from the last byte of a code on


@dataclass(frozen=True)
class Structure:
    """`held` is an IndexBinaryIVF, or an IndexBinaryIDMap over an IndexBinaryHNSW or IndexBinaryMultiHash."""

    kind: Kind
    held: Any

    @property
    def setting(self) -> int:
        """How much work a search does: nprobe, efSearch or nflip."""
        return int(getattr(self._tuned, NAMES[self.kind]))

    def tune(self, setting: int) -> None:
        """Change how much work a search does."""
        setattr(self._tuned, NAMES[self.kind], setting)

    @cached_property
    def centroids(self) -> Flat:
        """The centroids of ivf, by the numbers of their lists; adding and removing leave them alone."""
        codes: Any = faiss.downcast_IndexBinary(self.held.quantizer)
        return Flat(faiss.vector_to_array(codes.xb).reshape(self.held.nlist, -1))

    def search(self, queries: Codes, top: int) -> Found:
        """Find about the `top` nearest, on one thread, by distance, then row.

        queries: packed uint8[Q, W]. Gives rows int64[Q, top] and distances int32[Q, top]; where fewer were
        found, rows of -1 with distances beyond any code's stand at the end.
        """
        with one_thread():
            distances, rows = self.held.search(_roomy(queries), top)
        distances[rows < 0] = NOWHERE  # a graph's own are -2**31 (FAISS 1.15), and would stand first
        return ordered(rows, distances)

    def add(self, packed: Codes, rows: Rows) -> None:
        """Take in codes uint8[N, W] under their rows int64[N]."""
        with threadpool_limits(1):
            self.held.add_with_ids(_roomy(packed), rows)

    def without(self, gone: Rows, packed: Codes, rows: Rows) -> Structure:
        """Drop rows; `packed` and `rows` are those left. FAISS builds graphs and tables anew for that."""
        if self.kind == "ivf":
            self.held.remove_ids(gone)
            return self
        left = _empty(self.kind, packed)
        left.add(packed, rows)
        left.tune(self.setting)
        return left

    def compared(self, queries: Codes, top: int) -> tuple[Found, float]:
        """Search, and say which share of the codes a query was compared with on average.

        FAISS counts for the whole process: nothing else may search meanwhile. Centroids count as codes.
        """
        counts = _counts(self.kind)
        counts.reset()
        found = self.search(queries, top)
        centroids = self.held.nlist if self.kind == "ivf" else 0
        return found, (counts.ndis / len(queries) + centroids) / self.held.ntotal

    @property
    def _tuned(self) -> Any:  # noqa: ANN401 - FAISS has no types
        if self.kind == "ivf":
            return self.held
        inner: Any = faiss.downcast_IndexBinary(self.held.index)
        return inner.hnsw if self.kind == "hnsw" else inner


def build_structure(kind: Kind, packed: Codes, rows: Rows, seed: int) -> Structure:
    """Build over codes uint8[N, W] under their rows int64[N]; ivf learns its centroids from some of them."""
    structure = _lists(packed, seed) if kind == "ivf" else _empty(kind, packed)
    structure.add(packed, rows)
    return structure


def list_content(lists: Any, number: int) -> tuple[Codes, Rows]:  # noqa: ANN401 - FAISS has no types
    """Look at a list of an IndexBinaryIVF where it lies: codes uint8[n, W] and rows int64[n]."""
    size, width = lists.invlists.list_size(number), lists.code_size
    if not size:
        return np.zeros((0, width), np.uint8), np.zeros(0, np.int64)
    codes = faiss.rev_swig_ptr(lists.invlists.get_codes(number), size * width)
    return codes.reshape(size, width), faiss.rev_swig_ptr(lists.invlists.get_ids(number), size)


def _lists(packed: Codes, seed: int) -> Structure:
    """Learn about 4 sqrt(N) centroids by k-means on a sample, a power of two; fewer where items are few.

    With sqrt(N) lists several groups of codes share a list, others are split: that costs recall.
    """
    bits = 8 * packed.shape[1]
    count = 2 ** min(round(np.log2(4 * len(packed) ** 0.5)), int(np.log2(len(packed) / TRAINED)))
    lists = faiss.IndexBinaryIVF(faiss.IndexBinaryFlat(bits), bits, count)
    lists.cp.seed = stream_seed(seed, "index", "k-means") % 2**31
    chosen = stream(seed, "index", "k-means", "codes").permutation(len(packed))[: TRAINED * count]
    with threadpool_limits(1):
        lists.train(packed[np.sort(chosen)])
    return Structure("ivf", lists)


def _empty(kind: Kind, packed: Codes) -> Structure:
    """Make a graph or tables without a code, for as many as there are."""
    bits = 8 * packed.shape[1]
    if kind == "hnsw":
        return Structure(kind, faiss.IndexBinaryIDMap(faiss.IndexBinaryHNSW(bits, LINKS)))
    part = min(bits, max(4, round(np.log2(max(len(packed), 1))) - 4))  # about 16 codes in an entry
    tables = faiss.IndexBinaryMultiHash(bits, min(TABLES, bits // part), part)
    return Structure(kind, faiss.IndexBinaryIDMap(tables))


def _counts(kind: Kind) -> Any:  # noqa: ANN401 - FAISS has no types
    names = {"ivf": "indexIVF_stats", "hnsw": "hnsw_stats", "multihash": "indexBinaryHash_stats"}
    return getattr(faiss.cvar, names[kind])


def _roomy(packed: Codes) -> NDArray[np.uint8]:
    """Copy codes to memory that goes on behind the last one, where multihash reads on."""
    memory = np.zeros(packed.size + WORD, np.uint8)
    memory[: packed.size] = packed.ravel()
    return memory[: packed.size].reshape(packed.shape)
