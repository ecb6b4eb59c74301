"""`crosshash serve` over an index of very many made codes, beside a small model that encodes the queries."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.runs import convert, run_stages
from benchmarks.service import serving
from crosshash.artifacts import read_json, write_json
from crosshash.pairs.table import read_columns
from crosshash.parquet import GROUP, write_parquet
from crosshash.search.folders.index_folder import ITEMS, NUMBERED, STATISTICS

SETTINGS = ("scenes.count=600", "train.epochs=1")
STAGES = ("plan", "embed", "centers", "transform", "train", "infer", "encode", "index")
ASKED = 20
NUMBERED_FROM = (
    1_000_000_000  # items whose ids are their numbers: a table of them takes more than their codes
)
SCHEMA = pa.schema(
    {"id": pa.string(), "row": pa.int64(), "image": pa.string(), "caption": pa.string(),
     "labels": pa.list_(pa.string())}
)  # fmt: skip


def serve(folder: Path, bits: int) -> str:
    """Put the index in the place of a small model's images, and ask for texts; says what was measured."""
    items = int(read_json(folder / "index/index.json")["items"])
    with tempfile.TemporaryDirectory(dir=folder) as name:
        project = Path(name) / "project"
        settings = [*SETTINGS, f"bits={bits}"]
        convert(project, settings)
        run_stages(project, STAGES, settings)
        start = time.perf_counter()
        table = _replace(project / "artifacts/index", folder / "index", items)
        written = time.perf_counter() - start
        captions = read_columns(project / "data/scenes", ["captions"])["captions"].to_pylist()
        start = time.perf_counter()
        with serving(project) as server:
            started = time.perf_counter() - start
            asked = [one[0] for one in captions[:ASKED]]
            times = {by: _times(server.port, asked, by) for by in ("hamming", "asymmetric")}
            item = _item_time(server.port, str(items - 7) if table is None else f"item-{items - 7:010d}")
            megabytes = server.megabytes
        shutil.move(project / "artifacts/index/image.codes", folder / "index")
    told = ", ".join(f"{by} {ms:.0f} ms" for by, ms in times.items())
    stored = "" if table is None else f"; items.parquet {table / items:.1f} bytes an item, in {written:.0f} s"
    return (
        f"`crosshash serve` over {items:,} items of {bits} bits: starts in {started:.0f} s, holds "
        f"{megabytes:.0f} MB (mapped files included), median of {ASKED} requests: {told}; "
        f"an item by its id {item:.0f} ms{stored}."
    )


def _replace(index: Path, codes: Path, items: int) -> int | None:
    """Move the codes in, with a table of their items; gives its size, None where ids are numbers."""
    (index / "image.faiss").unlink()
    shutil.move(codes, index / "image.codes")
    told = read_json(index / STATISTICS) | {"image": {"items": items}}
    if items >= NUMBERED_FROM:
        (index / ITEMS).unlink()
        write_json(index / STATISTICS, told | {NUMBERED: items})
        return None
    write_json(index / STATISTICS, told)
    write_parquet(index / ITEMS, SCHEMA, _tables(items))
    return (index / ITEMS).stat().st_size


def _tables(items: int) -> Iterator[pa.Table]:
    for start in range(0, items, GROUP):
        count = min(GROUP, items - start)
        numbers = pc.utf8_lpad(pa.array(np.arange(start, start + count)).cast(pa.string()), 10, "0")
        ids = pc.binary_join_element_wise("item-", numbers, "")
        nothing = pa.repeat("", count)
        labels = pa.ListArray.from_arrays(np.zeros(count + 1, np.int32), pa.array([], pa.string()))
        rows = pa.repeat(-1, count)
        yield pa.table([ids, rows, nothing, nothing, labels], schema=SCHEMA)


def _times(port: int, texts: list[str], by: str) -> float:
    """Ask for one text after the other; the median, milliseconds."""
    times = []
    for text in texts:
        start = time.perf_counter()
        address = f"http://127.0.0.1:{port}/search?q={quote(text)}&task=t2i&top=10&distance={by}"
        with urlopen(address) as answer:
            hits = json.load(answer)["hits"]
        times.append(1000 * (time.perf_counter() - start))
        assert len(hits) == 10
        assert by == "asymmetric" or hits == sorted(hits, key=lambda hit: hit["distance"])
    return statistics.median(times)


def _item_time(port: int, item: str) -> float:
    start = time.perf_counter()
    with urlopen(f"http://127.0.0.1:{port}/items/{quote(item)}") as answer:
        assert json.load(answer)["id"] == item
    return 1000 * (time.perf_counter() - start)
