"""What is made once for all tests of a run, whichever worker needs it first; they only read it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Give the file or folder of that name, which `make` makes."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    ready = folder / f"{name}.ready"
    with FileLock(folder / f"{name}.lock"):
        if not ready.exists():
            make(folder / name)
            ready.touch()
    return folder / name
