"""A lock that processes take turns with; it ends with its holder, however that ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from crosshash.errors import full_disk_named

log = logging.getLogger(__name__)


class HeldError(Exception):
    """Another thread or process has the lock."""


@contextmanager
def locked(path: Path, busy: str, patient: bool = True) -> Iterator[None]:
    """Hold the lock file for this thread alone; while another, of any process, holds it, say `busy` and wait.

    The file stays: whoever removes it while it is held lets two in. patient: wait; else give up at once.

    Raises:
        HeldError: another holds it, and nobody is to wait.
        CrosshashError: the file cannot be written, or the file system has no locks.
        RuntimeError: this thread holds it already, and would wait for itself.
    """
    lock = FileLock(path)
    with full_disk_named(path):
        try:
            lock.acquire(blocking=False)
        except Timeout:
            if not patient:
                raise HeldError(busy) from None
            log.info("%s", busy)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
