"""A lock that processes take turns with; it ends with its holder, however that ends."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crosshash.errors import full_disk_named

log = logging.getLogger(__name__)


@contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock file for this process alone; while another holds it, say `busy` and wait.

    The file stays: removing it would let two in.

    Raises:
        CrosshashError: the file cannot be written.
    """
    with full_disk_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("%s", busy)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
