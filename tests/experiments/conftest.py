"""One repository with experiments for all tests of a run; they only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.experiments.repository import make_experiments
from tests.shared import made_once


@pytest.fixture(scope="session")
def experiments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's folder."""
    return made_once(tmp_path_factory, "experiments", make_experiments)
