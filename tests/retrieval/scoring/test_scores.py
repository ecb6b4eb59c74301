from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crosshash.retrieval.scoring.scores import Compared, RetrievalReport, TaskReport, compared

EMPTY = {"by_radius": np.empty((0, 2)), "by_rank": np.empty((0, 3)), "precision_at": {}}


def report(ids: str, *values: float) -> TaskReport:
    """One query per letter; what else it scores does not count."""
    found = {"AP": np.array(values), "P@1": np.zeros(len(values))}
    return TaskReport(np.array(list(ids)), found, ("AP", "P@1"), chance=("AP", 0.5), **EMPTY)  # type: ignore[arg-type]


def found(resamplings: int, seed: int) -> Compared:
    mine, other = report("dbca", 0.75, 1.0, 0.5, 0.25), report("bcde", 0.5, 0.75, 0.0, 1.0)
    return compared(mine, other, resamplings, np.random.default_rng(seed))


def test_ways_to_search_are_compared_over_the_queries_of_both() -> None:
    """b 1 - 1/2, c 1/2 - 3/4 and d 3/4 - 0: 1/2, -1/4 and 3/4, in the mean 1/3. a and e have no other."""
    one = found(0, 0)
    assert (one.measure, one.report.ids.tolist()) == ("AP", ["d", "b", "c", "a"])
    assert one.difference == pytest.approx(1 / 3, abs=1e-15)
    assert one.interval == pytest.approx((1 / 3, 1 / 3), abs=1e-15)


def test_the_interval_of_a_difference_reaches_beyond_it_and_follows_the_draws() -> None:
    """Of three queries a draw of one value comes often, so the ends are those of differences: -1 and 1."""
    assert found(2000, 0).interval == (-1.0, 1.0)
    values = np.random.default_rng(0).random((2, 40)) / 4
    names = "".join(chr(ord("a") + number) for number in range(40))
    mine, other = report(names, *(values[0] + 0.5)), report(names, *values[1])
    low, high = compared(mine, other, 2000, np.random.default_rng(1)).interval
    spread = 1.96 * (values[0] - values[1]).std() / 40**0.5
    mean = 0.5 + float((values[0] - values[1]).mean())
    assert (low, high) == pytest.approx((mean - spread, mean + spread), abs=0.003)
    assert compared(mine, other, 2000, np.random.default_rng(1)).interval == (low, high)
    assert compared(mine, other, 2000, np.random.default_rng(2)).interval != (low, high)


def test_scores_by_the_own_partner_as_a_file_holds_them() -> None:
    """To 6 decimals; those by asymmetric distance have a place of their own, if there are any."""
    one = replace(report("ab", 0.25, 0.75), intervals={"AP": (0.1234567, 0.9), "P@1": (0.0, 0.5)})
    ends = {"mAP": 0.5, "mAP_low": 0.123457, "mAP_high": 0.9, "P@1": 0.0, "P@1_low": 0.0, "P@1_high": 0.5}
    whole = RetrievalReport(16, 2, 9, 0, 0, 0, None, "by_id", "skip", None, {}, None, partner={"i2t": one})
    assert whole.partner_scores() == {"i2t": ends}
    both = replace(whole, real_partner={"t2i": one})
    assert both.partner_scores() == {"i2t": ends, "asymmetric": {"t2i": ends}}
