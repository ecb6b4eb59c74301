"""A thread that looks every few seconds for other files, and has them taken up once they rest."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from crosshash.service.live.files import look
from crosshash.service.live.live import Live

REST = 0.5
"""Seconds in which files that were seen to change must not change again."""

PATIENCE = 5
"""Seconds that a loading may still take when the service ends; then the process goes without it."""


@contextmanager
def watching(live: Live, seconds: float) -> Iterator[None]:
    """Look every so many seconds, 0: never, as long as this is open."""
    end = Event()
    thread = Thread(target=_watch, args=(live, seconds, end), name="reload", daemon=True)
    if seconds:
        thread.start()
    try:
        yield
    finally:
        end.set()
        if seconds:
            thread.join(PATIENCE)


def _watch(live: Live, seconds: float, end: Event) -> None:
    """Files are at rest when two looks in turn, the second soon after the first, find the same."""
    settled = last = live.seen
    pause = seconds
    while not end.wait(pause):
        try:
            now = look(live.source.files())
            if now == last and now != settled:
                result = live.refresh()
                settled = settled if result == "again" else now
                if result == "taken":
                    gc.collect()  # the old state, whose networks refer to themselves
            pause = seconds if now == last else min(seconds, REST)
            last = now
        except OSError:  # no file is left to be opened, or a folder may not be read just now
            continue
