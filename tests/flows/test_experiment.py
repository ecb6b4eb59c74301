from __future__ import annotations

import re

import pytest

from flows.experiment import experiment_name


@pytest.mark.parametrize(
    "run", ["fluffy-otter", "my run: bits=16/32", "..", "Übung", "a~b^c:d?*[\\", "x.lock", ""]
)
def test_any_name_of_a_run_becomes_one_that_git_and_dvc_take(run: str) -> None:
    name = experiment_name(run, "514eb4e9-bafa-499e-8aed-c8265730641d")
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*)-5730641d", name)


def test_runs_of_one_name_are_different_experiments() -> None:
    one, other = (experiment_name("otter", f"0198f0de-0000-7000-8000-{n:012d}") for n in (1, 2))
    assert one != other
