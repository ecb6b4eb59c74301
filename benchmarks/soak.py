"""Search service for as long as wanted: `python -m benchmarks.soak [PROJECT [SECONDS [RATE]]]`.

Starts `crosshash serve` on the folder of a project with pictures and sends requests of every kind, right ones
and wrong ones, at a fixed rate. Fails where an answer has another status than it should have, or where memory
or open files of the service grow. Client and server share the machine.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.service import Server, serving
from crosshash.errors import CrosshashError, run_stage
from crosshash.search.folders.index_folder import index_folder
from crosshash.search.grown.known_items import read_known_items
from crosshash.seeding import stream

SECONDS = 600
RATE = 20  # requests per second
CLIENTS = 8
WARM = 0.1  # share of the time after which memory may not grow
GROWTH = 0.05
FILES = 5  # may be open beside those of the clients at the end
SAMPLES = 60


@dataclass(frozen=True)
class Ask:
    """A request and the statuses that it may be answered with."""

    expected: tuple[int, ...]
    method: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)


def asks(items: list[dict[str, Any]], picture: bytes, rng: np.random.Generator) -> Iterator[Ask]:
    """Make one request of each kind in turn, with items, labels and cuts by chance."""
    jpeg = {"Content-Type": "image/jpeg"}
    while True:
        item = items[int(rng.integers(len(items)))]
        text, top = item["caption"] or "nothing", int(rng.integers(1, 300))
        labels = item["labels"][:1]
        cut = picture[: int(rng.integers(1, len(picture) // 2))]
        search = {"params": {"top": top}, "headers": jpeg}
        yield Ask((200,), "GET", "/search", {"params": {"q": text, "top": top}})
        yield Ask((200,), "GET", "/search", {"params": {"q": text, "task": "t2t", "label": labels}})
        yield Ask((200, 422), "GET", "/search", {"params": {"q": f"unheard-of {top}"}})
        yield Ask((422,), "GET", "/search", {"params": {"q": " "}})
        yield Ask((422,), "GET", "/search", {"params": {"q": text, "label": f"no label {top}"}})
        yield Ask((200,), "POST", "/search", search | {"content": picture})
        yield Ask((422,), "POST", "/search", search | {"content": cut})
        yield Ask((413,), "POST", "/search", search | {"content": bytes(10_000_001)})
        yield Ask((415,), "POST", "/search", {"content": picture, "headers": {"Content-Type": "text/csv"}})
        yield Ask((200,), "GET", f"/items/{item['id']}")
        yield Ask((404,), "GET", f"/items/{item['id']}/{top}")
        yield Ask((200, 404), "GET", "/picture", {"params": {"id": item["id"]}})
        for path in ("/", "/docs", "/openapi.json", "/page/main.js", "/healthz", "/metrics"):
            yield Ask((200,), "GET", path)
        yield Ask((200,), "HEAD", "/search", {"params": {"q": text}})
        yield Ask((405,), "DELETE", "/search")
        yield Ask((404,), "GET", f"/nothing/{top}")
        yield Ask((400,), "GET", "/", {"headers": {"Host": "elsewhere.example"}})


async def soak(
    server: Server, wanted: Iterator[Ask], seconds: float, rate: float
) -> tuple[Counter[str], list[float]]:
    """Send requests over a few connections, and hang up on some; gives statuses, and memory meanwhile, MB."""
    seen: Counter[str] = Counter()
    memory: list[float] = []
    start = time.perf_counter()

    async def client(number: int) -> None:
        base = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=base, timeout=60, trust_env=False) as http:
            for place in range(number, int(seconds * rate), CLIENTS):
                await asyncio.sleep(max(0.0, start + place / rate - time.perf_counter()))
                ask = next(wanted)
                try:
                    status = (await http.request(ask.method, ask.path, **ask.options)).status_code
                except httpx.TransportError as error:
                    seen[f"nothing ({error!r})"] += 1
                else:
                    seen[f"{status}" if status in ask.expected else f"{status} to {ask}"[:200]] += 1

    async def leaver() -> None:
        whole = b"GET /search?q=a HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for sent in cycle((b"", whole[:8], whole)):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            await writer.drain()
            writer.close()
            await asyncio.sleep(CLIENTS / rate)

    async def watcher() -> None:
        while True:
            await asyncio.sleep(seconds / SAMPLES)
            memory.append(server.megabytes)

    beside = [asyncio.create_task(leaver()), asyncio.create_task(watcher())]
    await asyncio.gather(*map(client, range(CLIENTS)))
    for task in beside:
        task.cancel()
    return seen, memory


def main() -> None:
    """Print what came of it.

    Raises:
        CrosshashError: the service did not do as it should.
    """
    project = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    rate = float(sys.argv[3]) if len(sys.argv) > 3 else RATE
    known = read_known_items(index_folder(project, None)).whole().table.to_pylist()
    items = [one for one in known if one["id"] is not None]  # those that were not taken out
    with serving(project) as server:
        base = f"http://127.0.0.1:{server.port}"
        answers = (httpx.get(f"{base}/picture", params={"id": one["id"]}, trust_env=False) for one in items)
        picture = next((one.content for one in answers if one.status_code == 200), None)
        if picture is None:
            raise CrosshashError(f"{project}: no item has a picture to ask with.")
        files = server.process.num_fds()
        wanted = asks(items, picture, stream(0, "service_soak"))
        seen, memory = asyncio.run(soak(server, wanted, seconds, rate))
        left = server.process.num_fds() - files
    memory = memory[int(WARM * len(memory)) :]
    growth = max(memory) / memory[0] - 1
    table = Table("measure", "value", title=f"{rate:g} mixed requests a second, {seconds:g} s")
    for status, count in sorted(seen.items()):
        table.add_row(f"answered {status}", str(count))
    table.add_row("memory", f"{memory[0]:.0f} MB, at most {max(memory):.0f} MB ({growth:+.1%})")
    table.add_row("open files", f"{left:+d}")
    Console().print(table)
    wrong = [status for status in seen if not status.isdecimal()]
    if wrong or growth > GROWTH or left > FILES:
        raise CrosshashError(f"the service did not do as it should: {'; '.join(wrong) or 'it grew'}")


if __name__ == "__main__":
    run_stage(main)
