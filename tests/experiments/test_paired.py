from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.experiments.paired import paired_bootstrap
from crosshash.retrieval.measures import bootstrap
from crosshash.seeding import stream


def plain(differences: np.ndarray, resamplings: int, generator: np.random.Generator) -> tuple:
    """Draw, average, count: one resampling after the other."""
    means = []
    for _ in range(resamplings):
        drawn = [differences[generator.integers(len(differences))] for _ in differences]
        means.append(sum(drawn) / len(drawn))
    low, high = np.percentile(means, [2.5, 97.5])
    rarer = min(sum(mean <= 0 for mean in means), sum(mean >= 0 for mean in means))
    return low, high, min(1.0, 2 * (1 + rarer) / (1 + resamplings))


@pytest.mark.parametrize("shift", [0.0, 0.05, -0.1, 1.0])
def test_a_plain_loop_comes_to_the_same(shift: float) -> None:
    """Other draws of the same size: interval and p agree up to their own noise (p: 4 deviations)."""
    differences = stream(1, "values").normal(shift, 0.2, size=30)
    found = paired_bootstrap(differences[:, None], 4000, stream(2, "fast"))
    low, high, p = plain(differences, 4000, stream(3, "plain"))
    assert found.mean[0] == pytest.approx(differences.mean())
    assert found.low[0] == pytest.approx(low, abs=0.01)
    assert found.high[0] == pytest.approx(high, abs=0.01)
    assert found.p[0] == pytest.approx(p, abs=4 * np.sqrt(2 * p / 4000) + 1e-3)


def test_two_queries_by_hand() -> None:
    """Differences 1 and -0.5. The four equally likely draws have means 1, 0.25, 0.25, -0.5.

    A quarter is at or below zero, so p is near 2 / 4; the percentiles are the extremes.
    """
    found = paired_bootstrap(np.array([[1.0], [-0.5]]), 10_000, stream(0, "by hand"))
    assert found.p[0] == pytest.approx(0.5, abs=0.03)
    assert (found.low[0], found.high[0]) == (-0.5, 1.0)


def test_all_draws_of_three_queries() -> None:
    """The share of resampled means at or below zero approaches that among all 27 draws."""
    differences = np.array([0.3, 0.1, -0.3])
    exact = np.mean([sum(draw) <= 1e-12 for draw in itertools.product(differences, repeat=3)])
    found = paired_bootstrap(differences[:, None], 20_000, stream(0, "three"))
    assert found.p[0] == pytest.approx(min(1, 2 * min(exact, 1 - exact)), abs=0.03)


def test_equal_runs_differ_by_nothing() -> None:
    found = paired_bootstrap(np.zeros((50, 2)), 500, stream(0, "equal"))
    assert found.low.tolist() == found.high.tolist() == [0.0, 0.0]
    assert found.p.tolist() == [1.0, 1.0]


def test_smallest_p() -> None:
    """No resampled mean beyond zero: 2 / (resamplings + 1), never 0."""
    assert paired_bootstrap(np.ones((10, 1)), 999, stream(0, "sure")).p[0] == 2 / 1000


def test_blocks_change_nothing_but_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one resampling each draw the same queries as one block of all."""
    values = stream(0, "values").normal(size=(20, 3))
    whole = paired_bootstrap(values, 60, stream(0, "draw"))
    monkeypatch.setattr(bootstrap, "BLOCK", 1)
    parts = paired_bootstrap(values, 60, stream(0, "draw"))
    assert whole.low.tolist() == parts.low.tolist()
    assert whole.p.tolist() == parts.p.tolist()


def test_measures_share_their_draws() -> None:
    values = stream(0, "values").normal(size=(25, 1))
    found = paired_bootstrap(np.hstack([values, 2 * values, -values]), 300, stream(0, "draw"))
    assert found.p[0] == found.p[1] == found.p[2]
    assert found.low[1] == pytest.approx(2 * found.low[0])
    assert found.high[2] == pytest.approx(-found.low[0])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=40), st.integers(0, 99))
def test_interval_and_p_agree(values: list[float], seed: int) -> None:
    """p below 0.05 by more than one resampling's worth: zero is outside the interval, and the other way."""
    found = paired_bootstrap(np.array(values)[:, None], 400, stream(seed, "agree"))
    if found.p[0] < 0.045:
        assert not found.low[0] < 0 < found.high[0]
    if found.p[0] > 0.06:
        assert found.low[0] <= 0 <= found.high[0]
    assert found.low[0] <= found.high[0]
