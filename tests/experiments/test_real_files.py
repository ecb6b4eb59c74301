"""What stage evaluate really writes, as compare reads it."""

from __future__ import annotations

from pathlib import Path

from crosshash.experiments.comparison import compare
from crosshash.experiments.revisions import find_run


def test_a_run_against_itself(trained_project: Path) -> None:
    """All measures of all four tasks are found, and none differs."""
    run = find_run(str(trained_project), trained_project)
    found = compare(run, run, 100)
    assert {one.task for one in found.differences} == {"i2t", "t2i", "i2i", "t2t"}
    assert {"mAP", "AP@50[hits]", "nDCG@1000"} <= {one.measure for one in found.differences}
    assert {(one.difference, one.p) for one in found.differences} == {(0.0, 1.0)}
    assert found.conditions["ties"] == "expected"
    for one in found.differences:
        assert abs(one.a - (run.mean(one.task, one.measure) or 0.0)) < 2e-6


def test_what_it_costs_is_recorded(trained_project: Path) -> None:
    """Codes of so many bits, the number of a row; on disk these and the file's head; seconds of its model."""
    run = find_run(str(trained_project), trained_project)
    assert (run.costs.codes, run.costs.factors, run.costs.ids) == (run.bits / 8, 0, 8)
    assert run.costs.disk is not None
    assert run.bits / 8 + 8 < run.costs.disk < run.bits / 8 + 16
    assert run.costs.seconds is not None
    assert 0 <= (run.mean("i2t", "partner recall@10") or -1) <= 1
