"""A bundle of the small project, and the other small projects that bundles are made of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crosshash.export.bundle import write_bundle
from tests.search.conftest import changing, of_vectors, quantising
from tests.shared import made_once

__all__ = ["changing", "of_vectors", "quantising"]
SIDE = 32


@pytest.fixture(scope="package")
def bundle(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the run's index, with small pictures; away from the project."""
    index = trained_project / "artifacts" / "index"
    return made_once(
        tmp_path_factory, "scenes", lambda folder: write_bundle(trained_project, folder, index, SIDE)
    )


@pytest.fixture
def own(bundle: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(bundle, tmp_path / "own"))
