"""Exact Hamming search in a FAISS binary index, ordered by distance, then row; FAISS leaves ties open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import atomic_path, missing
from crosshash.errors import CrosshashError


@dataclass(frozen=True)
class CodeIndex:
    """Packed codes with the rows of their items; `flat` is FAISS's IndexBinaryIDMap2 over a flat index."""

    flat: Any

    @classmethod
    def build(cls, packed: NDArray[np.uint8], rows: NDArray[np.int64]) -> CodeIndex:
        """Index codes uint8[N, ceil(K/8)], pad bits 0, under their rows int64[N]."""
        flat = faiss.IndexBinaryIDMap2(faiss.IndexBinaryFlat(8 * packed.shape[1]))
        if len(packed):
            flat.add_with_ids(np.ascontiguousarray(packed), rows.astype(np.int64))
        return cls(flat)

    @classmethod
    def load(cls, path: Path) -> CodeIndex:
        """Read an index file.

        Raises:
            CrosshashError: the file is missing, cut, or no index of this kind.
        """
        try:
            flat = faiss.deserialize_index_binary(np.fromfile(path, dtype=np.uint8))
        except FileNotFoundError:
            raise missing(path) from None
        except (RuntimeError, OSError, MemoryError) as error:
            reason = str(error).split("Error: ")[-1]
            raise CrosshashError(
                f"{path}: is cut or no FAISS binary index ({reason}). Delete it and run `dvc repro index`."
            ) from None
        if not isinstance(flat, faiss.IndexBinaryIDMap2):
            raise CrosshashError(
                f"{path}: is a {type(flat).__name__}, not an index of this project; run `dvc repro index`."
            )
        return cls(flat)

    def save(self, path: Path) -> None:
        """Write the index atomically."""
        with atomic_path(path) as temporary:
            faiss.serialize_index_binary(self.flat).tofile(temporary)

    def __len__(self) -> int:
        return int(self.flat.ntotal)

    def search(self, queries: NDArray[np.uint8], top: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Find the `top` nearest items of each query, or all when there are fewer.

        queries: packed uint8[Q, ceil(K/8)]. Gives rows int64[Q, T] and distances int32[Q, T], ordered by
        distance, then row: also which items of a tie are cut off at the end is settled by the row.

        Raises:
            CrosshashError: the index is empty, `top` is below 1, or the codes have another length.
        """
        if not len(self):
            raise CrosshashError("the index is empty: no item of the retrieval set has a code of this kind.")
        if top < 1:
            raise CrosshashError(f"top is {top}; at least 1 item must be asked for.")
        if queries.dtype != np.uint8 or queries.ndim != 2 or 8 * queries.shape[1] != self.flat.d:
            raise CrosshashError(
                f"the query codes are {queries.dtype}{list(queries.shape)}, the index holds codes of "
                f"{self.flat.d // 8} bytes; encode the queries with the model and the bits of the index."
            )
        top = min(top, len(self))
        queries = np.ascontiguousarray(queries)
        distances, _ = self.flat.search(queries, top)
        # FAISS drops any of the items that tie at the last place: fetch all up to there, order, then cut.
        rows = [self._nearest(queries[q : q + 1], int(distances[q, -1]), top) for q in range(len(queries))]
        return np.array(rows, dtype=np.int64).reshape(-1, top), distances

    def _nearest(self, query: NDArray[np.uint8], radius: int, top: int) -> NDArray[np.int64]:
        """Rows within the radius, by distance and row, the first `top` of them."""
        _, distances, rows = self.flat.range_search(query, radius + 1)
        return np.asarray(rows[np.lexsort((rows, distances))][:top])
