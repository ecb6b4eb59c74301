"""Folders of work that is not finished, which goes on where it was stopped.

They live outside every DVC output (DVC deletes outputs before a stage runs), under a key made of all that
decides the result; they are removed when the work has succeeded.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crosshash.artifacts import state_folder
from crosshash.errors import full_disk_named
from crosshash.workers import lock


def work_folder(files: Iterable[Path], *words: str) -> Path:
    """Give the folder of a piece of work, by all that decides its result: input files, plan, some words."""
    digest = hashlib.sha256("/".join(words).encode())
    for path in files:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return state_folder() / digest.hexdigest()[:32]


@contextmanager
def locked(folder: Path, what: str) -> Iterator[Path]:
    """Hold a folder for this process alone; the lock ends with the process, however it ends.

    Experiments that run side by side may need the same work, `what` in a word: the later one waits. The lock
    stands beside the folder, which goes when the work has succeeded, and stays: removing it would let two in.

    Raises:
        CrosshashError: the folder cannot be written.
    """
    busy = f"the same {what} is running in another process: waiting for it to end"
    with lock.locked(folder.with_suffix(".lock"), busy):
        with full_disk_named(folder):
            folder.mkdir(parents=True, exist_ok=True)
        yield folder


@contextmanager
def shared(folder: Path, what: str, share: object | None) -> Iterator[None]:
    """Hold a folder of units for the process that puts them together; a share of the work holds nothing.

    Shares, of an array of jobs, work side by side and beside that process: each looks whether a unit is done
    right before it makes it, and writes it in one step.

    Raises:
        CrosshashError: the folder cannot be written.
    """
    if share is None:
        with locked(folder, what):
            yield
        return
    with full_disk_named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    yield


def remove(folder: Path) -> None:
    """Forget finished work."""
    shutil.rmtree(folder, ignore_errors=True)
