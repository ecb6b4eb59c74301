from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from crosshash.artifacts import write_json
from crosshash.experiments.costs import INDEX, MODEL, TIMINGS, Costs, read_costs
from crosshash.experiments.revisions import Folder

METRICS = {"bits": 16, "bytes": {"codes": 2, "factors": 4, "ids": 8}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Indexes of 100 images and 60 texts, 1,000 and 700 bytes, 60 of a quantiser: 1,760 / 160 = 11."""
    for path in (INDEX, MODEL):
        (tmp_path / path).parent.mkdir(parents=True)
    sides = {"image": {"items": 100, "bytes": 1000}, "text": {"items": 60, "bytes": 700}}
    write_json(tmp_path / INDEX, {"bits": 16, "quantiser_bytes": 60, **sides})
    write_json(tmp_path / MODEL, {"method": "twdh"})
    model = hashlib.sha256((tmp_path / MODEL).read_bytes()).hexdigest()
    write_json(tmp_path / TIMINGS, {"train": {"seconds": 12.5, "model": model}})
    return tmp_path


def test_what_a_run_recorded(folder: Path) -> None:
    found = read_costs(Folder(folder), METRICS)
    assert found == Costs(2, 4, 8, 11.0, 12.5)
    assert found.memory == 6


def test_older_runs_recorded_nothing(tmp_path: Path) -> None:
    found = read_costs(Folder(tmp_path), {"bits": 16})
    assert found == Costs()
    assert found.memory is None


def test_the_index_of_another_length_and_the_time_of_another_model_do_not_count(folder: Path) -> None:
    """Neither need be new for scores to be."""
    write_json(folder / MODEL, {"method": "dcmht"})
    assert read_costs(Folder(folder), METRICS | {"bits": 32}) == Costs(2, 4, 8)


def test_damaged_files_count_as_none(folder: Path) -> None:
    for path in (INDEX, TIMINGS):
        (folder / path).write_bytes((folder / path).read_bytes()[:-20])
    assert read_costs(Folder(folder), METRICS) == Costs(2, 4, 8)
