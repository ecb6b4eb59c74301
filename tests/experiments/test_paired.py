from __future__ import annotations

import itertools
import math

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
    """Differences 1 and -0.5, mean 0.25, in standard errors of 0.75: a third of one.

    Of the four equally likely draws two have the mean itself, and two are of one query: they lie beyond
    everything on either side. A quarter is at or beyond the mean, so p is near 2 / 4, and nothing is out.
    """
    found = paired_bootstrap(np.array([[1.0], [-0.5]]), 10_000, stream(0, "by hand"))
    assert found.p[0] == pytest.approx(0.5, abs=0.03)
    assert (found.low[0], found.high[0]) == (-1.0, 1.0)


def test_all_draws_of_four_queries() -> None:
    """p approaches twice the share, among all 256 draws, of those at least as many errors from the mean."""
    differences = np.array([0.6, 0.2, 0.4, -0.1])

    def errors(draw: tuple[float, ...], center: float) -> float:
        deviation = np.std(draw, ddof=1)
        return (np.mean(draw) - center) / (deviation / 2) if deviation else np.inf * (np.mean(draw) - center)

    observed = errors(tuple(differences), 0.0)
    draws = [errors(draw, differences.mean()) for draw in itertools.product(differences, repeat=4)]
    exact = np.mean([one >= observed for one in draws])
    assert 0.02 < exact < 0.2
    found = paired_bootstrap(differences[:, None], 20_000, stream(0, "four"))
    assert found.p[0] == pytest.approx(2 * exact, abs=0.02)


def test_every_draw_of_many_queries() -> None:
    """Thirty differences, twenty of 1 and ten of -1: the mean of a draw is binomial, and so is p."""
    differences = np.repeat([1.0, -1.0], [20, 10])
    exact = sum(math.comb(30, ones) * (2 / 3) ** ones * (1 / 3) ** (30 - ones) for ones in range(16))
    found = paired_bootstrap(differences[:, None], 20_000, stream(0, "many"))
    assert found.p[0] == pytest.approx(2 * exact, abs=0.01)


def test_equal_runs_differ_by_nothing() -> None:
    found = paired_bootstrap(np.zeros((50, 2)), 500, stream(0, "equal"))
    assert found.low.tolist() == found.high.tolist() == [0.0, 0.0]
    assert found.p.tolist() == [1.0, 1.0]


def test_smallest_p() -> None:
    """No resampled mean beyond zero: 2 / (resamplings + 1), never 0. Of few queries that of their signs."""
    assert paired_bootstrap(np.ones((30, 1)), 999, stream(0, "sure")).p[0] == 2 / 1000
    assert paired_bootstrap(np.ones((8, 1)), 999, stream(0, "sure")).p[0] == 2 / 256


def test_blocks_change_nothing_but_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one resampling each draw the same queries as one block of all."""
    values = stream(0, "values").normal(size=(40, 3))
    whole = paired_bootstrap(values, 60, stream(0, "draw"))
    monkeypatch.setattr(bootstrap, "BLOCK", 1)
    parts = paired_bootstrap(values, 60, stream(0, "draw"))
    assert whole.low.tolist() == parts.low.tolist()
    assert whole.p.tolist() == parts.p.tolist()


def test_measures_share_their_draws() -> None:
    values = stream(0, "values").normal(size=(35, 1))
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
