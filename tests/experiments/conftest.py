"""One repository with experiments for all tests of a run; they only read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from filelock import FileLock

from tests.experiments.repository import make_experiments


@pytest.fixture(scope="session")
def experiments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's folder; workers of one test run share it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    ready = folder / "experiments.ready"
    with FileLock(folder / "experiments.lock"):
        if not ready.exists():
            make_experiments(folder / "experiments")
            ready.touch()
    return folder / "experiments"
