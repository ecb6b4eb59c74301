"""A project whose index is replaced by others of the same model, and a service that takes them up."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crosshash.artifacts import atomic_path, read_json, write_json
from crosshash.bundle.sources import ProjectSource
from crosshash.index.code_index import CodeIndex
from crosshash.retrieval.codefiles.codeset import MODALITIES
from crosshash.service.live.live import Live
from tests.search.conftest import changing, of_vectors, own_copy

__all__ = ["changing", "of_vectors"]


def part_of(index: Path, target: Path, step: int, distance: str = "hamming") -> Path:
    """An index of every step-th item of another one, searched by a distance."""
    target.mkdir(parents=True)
    items = pq.read_table(index / "items.parquet")
    rows = np.arange(0, len(items), step)
    pq.write_table(items.take(pa.array(rows)), target / "items.parquet")
    for modality in MODALITIES:
        packed = CodeIndex.load(index / f"{modality}.faiss").packed[rows]
        CodeIndex(packed, np.arange(len(rows))).save(target / f"{modality}.faiss")
    told = {**read_json(index / "statistics.json"), "distance": distance}
    told |= {modality: told[modality] | {"items": len(rows)} for modality in MODALITIES}
    write_json(target / "statistics.json", told)
    return target


@pytest.fixture(scope="package")
def indexes(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The run's index, of 108 items, one of 54 of them, and one of 36 that is searched otherwise."""
    folder, whole = tmp_path_factory.mktemp("indexes"), trained_project / "artifacts/index"
    return [whole, part_of(whole, folder / "2", 2), part_of(whole, folder / "3", 3, "asymmetric")]


@pytest.fixture
def own(trained_project: Path, tmp_path: Path) -> Path:
    return own_copy(trained_project, tmp_path / "own")


def put(index: Path, project: Path) -> None:
    """Replace the index of a project as a whole, as its stage does."""
    with atomic_path(project / "artifacts/index") as place:
        shutil.copytree(index, place)


@pytest.fixture
def live(own: Path) -> Live:
    return Live(ProjectSource(own))
