"""Reload under load: `python -m benchmarks.reload [PROJECT [SECONDS [TIMES]]]`.

Serves a copy of a project's model and index as a process of its own, asks it without a pause over several
connections, and replaces the index at equal distances by others of fewer items. Each answer has to name one
index and to be what a plain loop over the codes of that index gives: ids, distances, order.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.service import serving
from crosshash.artifacts import atomic_path, read_json, write_json
from crosshash.checksums import folder_digest
from crosshash.errors import run_stage
from crosshash.index.code_index import CodeIndex
from crosshash.parquet import write_parquet
from crosshash.retrieval.codefiles.codeset import MODALITIES
from crosshash.search import Searcher

SECONDS = 60
TIMES = 10
CLIENTS = 16
TEXTS = 64
TOP = 20
KINDS = 3

Hits = list[tuple[str, int]]


@dataclass
class Counts:
    """What clients saw. mixed: answers that are not those of the index that they name."""

    named: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    mixed: int = 0
    longest: float = 0.0


def own_copy(project: Path, target: Path) -> Path:
    """Make a project with an index of its own; all else are links."""
    (target / "artifacts").mkdir(parents=True)
    for name in ("data", "plan", "metrics.json"):
        (target / name).symlink_to((project / name).resolve())
    for path in (project / "artifacts").iterdir():
        if path.name != "index":
            (target / "artifacts" / path.name).symlink_to(path.resolve())
    shutil.copytree(project / "artifacts/index", target / "artifacts/index")
    return target


def part_of(index: Path, target: Path, step: int) -> Path:
    """Write an index of every step-th item of another one."""
    target.mkdir()
    codes = {modality: CodeIndex.load(index / f"{modality}.faiss") for modality in MODALITIES}
    items, told = pq.read_table(index / "items.parquet"), read_json(index / "statistics.json")
    chosen = np.arange(0, len(items), step)
    for modality, one in codes.items():
        there = np.isin(chosen, one.rows)
        packed = one.packed[np.searchsorted(one.rows, chosen[there])]
        CodeIndex(packed, np.flatnonzero(there)).save(target / f"{modality}.faiss")
        told[modality]["items"] = int(there.sum())
    write_parquet(target / "items.parquet", items.schema, [items.take(pa.array(chosen))])
    write_json(target / "statistics.json", told)
    return target


def plain(searcher: Searcher, index: Path, texts: list[str]) -> dict[str, Hits]:
    """Search by a plain loop: distances to all codes, by distance, then row."""
    images = CodeIndex.load(index / "image.faiss")
    ids = pq.read_table(index / "items.parquet")["id"].to_pylist()
    found = {}
    for text, code in zip(texts, searcher.encode_texts(texts).codes, strict=True):
        far = np.unpackbits(images.packed ^ code, axis=1).sum(1)
        order = np.lexsort((images.rows, far))[:TOP]
        found[text] = [(ids[images.rows[place]], int(far[place])) for place in order]
    return found


async def ask(port: int, expected: dict[str, dict[str, Hits]], texts: list[str], counts: Counts) -> None:
    """Ask until it is cancelled, over one connection, which has to stay."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    place = 0
    while True:
        text, begun = texts[place % len(texts)], time.perf_counter()
        asked = f"/search?q={quote(text)}&top={TOP}&distance=hamming"
        writer.write(f"GET {asked} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        told = json.loads(await reader.readexactly(int(head.split("content-length: ")[1].split()[0])))
        counts.longest = max(counts.longest, time.perf_counter() - begun)
        if not head.startswith("http/1.1 200"):
            counts.errors += 1
        elif [(hit["id"], hit["distance"]) for hit in told["hits"]] != expected[told["index"]][text]:
            counts.mixed += 1
        else:
            counts.named[told["index"]] += 1
        place += 1


async def under_load(
    port: int, own: Path, indexes: list[Path], expected: dict[str, dict[str, Hits]], texts: list[str]
) -> Counts:
    """Let clients ask while the index is replaced."""
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    times = int(sys.argv[3]) if len(sys.argv) > 3 else TIMES
    counts = Counts()
    clients = [asyncio.create_task(ask(port, expected, texts, counts)) for _ in range(CLIENTS)]
    for number in range(times):
        await asyncio.sleep(seconds / (times + 1))
        with atomic_path(own / "artifacts/index") as place:
            shutil.copytree(indexes[(number + 1) % KINDS], place)
    await asyncio.sleep(seconds / (times + 1))
    ended = [client for client in clients if client.done()]
    counts.errors += len(ended)
    for client in clients:
        client.cancel()
    return counts


def main() -> None:
    """Print what came of it."""
    project = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    with tempfile.TemporaryDirectory() as folder:
        own, whole = own_copy(project, Path(folder, "own")), project / "artifacts/index"
        indexes = [whole, *(part_of(whole, Path(folder, str(step)), step) for step in range(2, KINDS + 1))]
        captions = pq.read_table(whole / "items.parquet")["caption"].to_pylist()
        texts = sorted({caption for caption in captions if caption})[:TEXTS]
        searcher = Searcher.open(own)
        expected = {folder_digest(index): plain(searcher, index, texts) for index in indexes}
        with serving(own) as server:
            memory = server.megabytes
            counts = asyncio.run(under_load(server.port, own, indexes, expected, texts))
            after = server.megabytes
    table = Table("measure", "value", title=f"{project}: {CLIENTS} clients without a pause")
    for number, digest in enumerate(expected):
        table.add_row(f"right answers of index {number + 1}", str(counts.named[digest]))
    table.add_row("mixed or wrong answers", str(counts.mixed))
    table.add_row("errors, connections that ended", str(counts.errors))
    table.add_row("longest answer", f"{1000 * counts.longest:.0f} ms")
    table.add_row("memory before, after", f"{memory:.0f} MB, {after:.0f} MB")
    Console().print(table)


if __name__ == "__main__":
    run_stage(main)
