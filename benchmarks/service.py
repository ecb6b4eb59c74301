"""Search service under load: `python -m benchmarks.service [FOLDER [SECONDS [RATE [CLIENTS]]]]`.

Starts `crosshash serve` on a project's folder, or on a bundle, as a process of its own and sends text
queries, no two alike, at a fixed rate over 100 connections, or as many as asked for. A time counts from when
its request was meant to be sent, so that a service which falls behind cannot hide it. Client and server share
the machine.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import numpy as np
import psutil
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from crosshash.bundle.manifest import NAME as BUNDLE
from crosshash.errors import CrosshashError, run_stage
from crosshash.seeding import stream

RATE = 200  # requests per second
SECONDS = 30
CLIENTS = 100
WARM = 3  # seconds of the same load before
COMMAND = "from crosshash.cli import app; app()"


@dataclass(frozen=True)
class Server:
    """A running service."""

    process: psutil.Process
    port: int

    @property
    def megabytes(self) -> float:
        """Memory that it holds."""
        return float(self.process.memory_info().rss / 1e6)

    @property
    def cpu_seconds(self) -> float:
        """Processor time that it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Server]:
    """Start the service of a project or bundle on a free port, with more options; end it."""
    place = [str(folder)] if _is_bundle(folder) else ["--project", str(folder)]
    command = [sys.executable, "-c", COMMAND, "serve", *place, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r":(\d+)/", process.stdout.readline())
            if found is None:
                raise CrosshashError(f"{folder}: `crosshash serve` did not start; see above.")
            yield Server(psutil.Process(process.pid), int(found[1]))
        finally:
            process.terminate()


def _is_bundle(folder: Path) -> bool:
    return (folder / BUNDLE).exists()


def texts(folder: Path, count: int) -> Iterator[str]:
    """Make that many queries out of two captions each, no two alike."""
    index = folder / "index" if _is_bundle(folder) else folder / "artifacts/index"
    captions = pq.read_table(index / "items.parquet")["caption"].to_pylist()
    captions = sorted({caption for caption in captions if caption})
    if len(captions) ** 2 < 2 * count:
        raise CrosshashError(
            f"{folder}: {len(captions)} captions are too few for queries without repetition."
        )
    rng, used = stream(0, "service_load"), set()
    while True:
        first, second = rng.choice(len(captions), 2)
        if (first, second) not in used:
            used.add((first, second))
            yield f"{captions[first]}, {captions[second]}"


async def load(
    port: int, queries: Sequence[str], rate: float, clients: int = CLIENTS
) -> tuple[list[float], list[int]]:
    """Send queries over all connections in turn; gives the seconds and the status of each."""
    seconds, statuses = [0.0] * len(queries), [0] * len(queries)
    start = time.perf_counter() + 0.5  # when all are connected

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for place in range(number, len(queries), clients):
            meant = start + place / rate
            await asyncio.sleep(max(0.0, meant - time.perf_counter()))
            writer.write(
                f"GET /search?q={quote(queries[place])} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            )
            statuses[place] = await _status(reader)
            seconds[place] = time.perf_counter() - meant
        writer.close()

    await asyncio.gather(*map(client, range(clients)))
    return seconds, statuses


async def _status(reader: asyncio.StreamReader) -> int:
    """Read an answer to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
    assert length is not None
    await reader.readexactly(int(length[1]))
    return int(head.split()[1])


async def batch_sizes(port: int) -> tuple[float, float]:
    """Ask /metrics for the number of batches and of queries in them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    count, total = (re.search(rf"crosshash_batch_size_{name} (\S+)", text) for name in ("count", "sum"))
    assert count is not None
    assert total is not None
    return float(count[1]), float(total[1])


def main() -> None:
    """Print what came of it."""
    given = dict(enumerate(sys.argv))
    folder, wanted = Path(given.get(1, ".")), float(given.get(2, SECONDS))
    rate, clients = float(given.get(3, RATE)), int(given.get(4, CLIENTS))
    source = texts(folder, int((WARM + wanted) * rate))
    with serving(folder) as server:
        asyncio.run(load(server.port, list(islice(source, int(WARM * rate))), rate, clients))
        batches, memory, cpu = asyncio.run(batch_sizes(server.port)), server.megabytes, server.cpu_seconds
        begun = time.perf_counter()
        queries = list(islice(source, int(wanted * rate)))
        seconds, statuses = asyncio.run(load(server.port, queries, rate, clients))
        taken = time.perf_counter() - begun - 0.5
        after, memory_after = asyncio.run(batch_sizes(server.port)), server.megabytes
        cpu = server.cpu_seconds - cpu
    answered = sum(status == 200 for status in statuses)
    table = Table(
        "measure", "value", title=f"{rate:g} text queries a second, {clients} clients, {taken:.0f} s"
    )
    table.add_row("answered per second", f"{answered / taken:.1f}")
    for share in (50, 95, 99, 100):
        table.add_row(f"time, {share} %", f"{1000 * float(np.percentile(seconds, share)):.1f} ms")
    table.add_row("errors", str(len(statuses) - answered))
    table.add_row("queries per batch (mean)", f"{(after[1] - batches[1]) / (after[0] - batches[0]):.2f}")
    table.add_row("memory before, after", f"{memory:.0f} MB, {memory_after:.0f} MB")
    table.add_row("processor time of the service", f"{cpu / taken:.2f} cores")
    Console().print(table)


if __name__ == "__main__":
    run_stage(main)
