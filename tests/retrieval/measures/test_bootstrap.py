from __future__ import annotations

import numpy as np
import pytest

from crosshash.retrieval.measures import bootstrap
from crosshash.retrieval.measures.bootstrap import intervals, resampled_means
from crosshash.seeding import stream


def test_the_interval_is_that_of_the_normal_law_for_many_queries() -> None:
    """1,000 values with mean 0.5: mean +- 1.96 standard errors; 2,000 resamplings: some 3 % noise."""
    values = np.random.default_rng(0).random(1000)
    low, high = intervals(values[:, None], 2000, stream(0, "test"))[:, 0]
    half = 1.96 * values.std() / np.sqrt(1000)
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_equal_values_leave_no_doubt() -> None:
    assert intervals(np.full((7, 1), 0.25), 100, stream(0, "test")).tolist() == [[0.25], [0.25]]


def test_without_resamplings_both_ends_are_the_mean() -> None:
    assert intervals(np.array([[0.0], [1.0]]), 0, stream(0, "test")).tolist() == [[0.5], [0.5]]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator gives the same numbers in one piece or in several."""
    values = np.random.default_rng(1).random((20, 2))
    whole = resampled_means(values, 50, stream(0, "test"))
    monkeypatch.setattr(bootstrap, "BLOCK", 60)
    assert resampled_means(values, 50, stream(0, "test")).tolist() == whole.tolist()


def test_columns_share_their_draws() -> None:
    """The draws of one column are those of all: intervals by a loop over resamplings, and the same twice."""
    values = np.random.default_rng(2).random((30, 3))
    drawn = stream(0, "test").integers(30, size=(40, 30))
    means = np.array([values[row].mean(axis=0) for row in drawn])
    ends = intervals(values, 40, stream(0, "test"))
    assert ends == pytest.approx(np.percentile(means, [2.5, 97.5], axis=0), abs=1e-14)
    assert intervals(values[:, 1:2], 40, stream(0, "test"))[:, 0] == pytest.approx(ends[:, 1], abs=1e-14)


def test_one_query_tells_nothing_of_others() -> None:
    assert intervals(np.array([[0.25, 1.0]]), 10, stream(0, "test")).tolist() == [[0.0, 0.0], [1.0, 1.0]]
