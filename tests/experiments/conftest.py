"""One repository with experiments for all tests of a run; they only read it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from tests.experiments.repository import make_experiments


@pytest.fixture(scope="session")
def experiments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's folder; workers of one test run share it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    ready = folder / "experiments.ready"
    with (folder / "experiments.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            make_experiments(folder / "experiments")
            ready.touch()
    return folder / "experiments"
