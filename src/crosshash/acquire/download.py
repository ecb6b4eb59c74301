"""Files fetched side by side, each kept once it has its checksum."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pooch
import requests

from crosshash.acquire.server_answers import TIMEOUT, Bearer
from crosshash.acquire.transfer import ResumingDownloader
from crosshash.errors import CrosshashError, listed
from crosshash.workers.progress import byte_bars

log = logging.getLogger(__name__)
pooch.get_logger().setLevel("WARNING")  # what it says about each file, this module says in its own words

WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each new try."""

TOKEN = "CROSSHASH_DOWNLOAD_TOKEN"  # noqa: S105 - the name of the variable that holds it

A = TypeVar("A")
B = TypeVar("B")


class NotFetched(CrosshashError):  # noqa: N818 - says what it is
    """Files that could not be fetched."""


@dataclass(frozen=True)
class Order:
    """A file to fetch: name, address, and the page it comes from; size and sha256 if it must have these."""

    name: str
    url: str
    origin: str
    size: int | None = None
    sha256: str | None = None


def fetch_files(
    folder: Path, orders: Sequence[Order], token: str | None, parallel: int, waits: Sequence[float] = WAITS
) -> None:
    """Bring the files to the folder; those that are there and have their checksum are not fetched again.

    token: sent as Bearer to the hosts of the addresses, not to those they redirect to; None = what ~/.netrc
    has for them. parallel: files at the same time. waits: seconds before each new try.

    Raises:
        NotFetched: files could not be fetched (all are listed); what has come of them is kept, and
            continued by the next call.
    """
    auth = Bearer(token) if token else None
    with byte_bars() as bars:

        def fetch(order: Order, stop: threading.Event) -> None:
            bar = bars.add_task(order.name, total=order.size)
            if bars.disable:
                log.info("%s: fetching from %s", order.name, order.url)

            def advance(completed: int, total: int | None) -> None:
                bars.update(bar, completed=completed, total=total)

            part = _part(folder, order.name)
            checked = order.sha256 is not None
            keep(folder, order, ResumingDownloader(part, order.size, checked, auth, waits, stop, advance))

        results = side_by_side(fetch, orders, parallel)
    _check_fetched(folder, orders, results)


def _check_fetched(folder: Path, orders: Sequence[Order], results: Sequence[CrosshashError | None]) -> None:
    """See that all files could be fetched, or list those that could not."""
    problems = [
        f"{order.name}: {order.url}: {result}. It comes from {order.origin}"
        for order, result in zip(orders, results, strict=True)
        if result is not None
    ]
    if problems:
        raise NotFetched(
            f"{len(problems)} of {len(orders)} file(s) could not be fetched:\n"
            f"{listed(problems, len(problems))}\n"
            "Run again to go on where it broke off. Else give another address with `download.mirror`, or get "
            "the files yourself and give their folder with `download.local`, in params.yaml. Credentials are "
            f"taken from ~/.netrc, or for a mirror from the environment variable {TOKEN}. A file that its "
            "publisher has changed is taken as it is with `download.checksums: first`, once its receipt, if "
            f"there is one, is removed from {folder}."
        )


def keep(folder: Path, order: Order, downloader: ResumingDownloader) -> None:
    """Fetch one file unless it is there, and see that its checksum is right.

    A wrong one after a transfer in several pieces makes it start once more from the first byte.

    Raises:
        CrosshashError: it cannot be fetched, its checksum is wrong, or the disk cannot be written.
    """
    try:
        try:
            pooch.retrieve(order.url, order.sha256, order.name, folder, downloader=downloader)
        except ValueError:
            if not downloader.resumed:
                raise
            log.info("%s: wrong checksum after a resumed transfer; once more from the start", order.name)
            downloader.discard()
            pooch.retrieve(order.url, order.sha256, order.name, folder, downloader=downloader)
    except ValueError as error:  # so pooch calls a wrong checksum
        downloader.discard()
        raise CrosshashError(str(error).partition(" Deleted")[0].rstrip(".")) from None
    except OSError as error:
        raise CrosshashError(
            f"{folder / order.name}: cannot be written ({error.strerror or error})"
        ) from None
    downloader.discard()


def file_sizes(folder: Path, orders: Sequence[Order], token: str | None, parallel: int) -> dict[str, int]:
    """Give the size of each file in bytes: as it lies there, as known, or as the server says; else 0."""

    def size(order: Order, stop: threading.Event) -> int:
        if (folder / order.name).is_file():
            return (folder / order.name).stat().st_size
        return remote_size(order.url, token) if order.size is None else order.size

    sizes = side_by_side(size, orders, parallel)
    return {order.name: size for order, size in zip(orders, sizes, strict=True) if isinstance(size, int)}


def remote_size(url: str, token: str | None) -> int:
    """Ask for the size of a file in bytes; 0 if the server does not tell, for whatever reason."""
    auth, headers = Bearer(token) if token else None, {"Accept-Encoding": "identity"}
    try:
        answer = requests.head(url, headers=headers, auth=auth, timeout=TIMEOUT, allow_redirects=True)
    except requests.RequestException:
        return 0
    said = answer.headers.get("Content-Length", "")
    return int(said) if answer.ok and said.isdigit() else 0


def bytes_there(folder: Path, name: str) -> int:
    """Count the bytes of a file that have come."""
    for path in (folder / name, _part(folder, name)):
        if path.is_file():
            return path.stat().st_size
    return 0


def download_token() -> str | None:
    """Give CROSSHASH_DOWNLOAD_TOKEN of the environment.

    Raises:
        CrosshashError: it cannot stand in a header of HTTP.
    """
    token = os.environ.get(TOKEN, "").strip()
    if not (token.isascii() and token.isprintable()):
        raise CrosshashError(
            f"the environment variable {TOKEN} holds letters that no token has. Set it anew."
        )
    return token or None


def _part(folder: Path, name: str) -> Path:
    return folder / f"{name}.part"


def side_by_side(
    function: Callable[[A, threading.Event], B], values: Sequence[A], parallel: int
) -> list[B | CrosshashError]:
    """Map in threads, in order; a CrosshashError takes the place of its result.

    Ctrl-C, or another error, sets the event that the calls are given and does not wait for those that hang
    on a silent server: the threads end with the process.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, B | BaseException]] = queue.SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        with suppress(queue.Empty):
            while not stop.is_set():
                number = waiting.get_nowait()
                try:
                    done.put((number, function(values[number], stop)))
                except BaseException as error:
                    done.put((number, error))

    for number in range(len(values)):
        waiting.put(number)
    threads = []
    results: dict[int, B | CrosshashError] = {}
    try:
        for _ in range(min(parallel, len(values))):
            threads.append(threading.Thread(target=work, daemon=True))
            threads[-1].start()
        for _ in values:
            number, result = done.get()
            if isinstance(result, BaseException) and not isinstance(result, CrosshashError):
                raise result
            results[number] = result
    finally:
        stop.set()
        patience = time.monotonic() + 1.0
        for thread in threads:
            thread.join(max(0.0, patience - time.monotonic()))
    return [results[number] for number in range(len(values))]
