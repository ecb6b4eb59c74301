"""Few queries: intervals hold the truth as often as they say; equal methods seldom seem to differ."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from crosshash.experiments.paired import paired_bootstrap
from crosshash.retrieval.measures.bootstrap import intervals
from crosshash.retrieval.measures.few_queries import FEW, studentised
from crosshash.seeding import stream

Draw = Callable[[np.random.Generator, int], np.ndarray]
SAMPLES, RESAMPLINGS = 400, 400

# What a query scores, and its mean: even, near one as after training, near chance, half of them perfect.
LAWS: dict[str, tuple[Draw, float]] = {
    "even": (lambda generator, queries: generator.beta(2, 2, queries), 1 / 2),
    "near one": (lambda generator, queries: generator.beta(8, 1, queries), 8 / 9),
    "near chance": (lambda generator, queries: generator.beta(1, 4, queries), 1 / 5),
    "half are one": (
        lambda generator, queries: np.maximum(
            generator.beta(3, 2, queries), generator.integers(0, 2, queries)
        ),
        1 / 2 + 1 / 2 * 3 / 5,
    ),
}


def samples(law: str, queries: int) -> list[np.ndarray]:
    generator = stream(0, law, str(queries))
    return [LAWS[law][0](generator, queries) for _ in range(SAMPLES)]


def held(law: str, queries: int) -> float:
    """Share of the intervals that hold the mean of the law."""
    found = [
        intervals(values[:, None], RESAMPLINGS, stream(number, "draws"))[:, 0]
        for number, values in enumerate(samples(law, queries))
    ]
    return float(np.mean([low <= LAWS[law][1] <= high for low, high in found]))


@pytest.mark.parametrize("queries", [5, 10, 20, 29])
@pytest.mark.parametrize("law", LAWS)
def test_intervals_hold_the_mean_as_often_as_they_say(law: str, queries: int) -> None:
    """Of 400 samples 95 % are 380; 368 is 2.8 deviations below. Percentiles held 79 to 94 % of these."""
    assert held(law, queries) >= 368 / 400


def test_percentiles_alone_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation can tell: without the rule for few queries it finds too few."""
    monkeypatch.setattr("crosshash.retrieval.measures.bootstrap.FEW", 0)
    assert held("near one", 5) < 0.85
    assert held("even", 10) < 0.92


@pytest.mark.parametrize("queries", [5, 8, 12, 20])
@pytest.mark.parametrize("law", LAWS)
def test_two_equal_methods_seldom_differ(law: str, queries: int) -> None:
    """Differences of two draws of one law have mean zero: 5 % of 400 are 20; 33 is 3 deviations above."""
    generator = stream(1, law, str(queries))
    draw = LAWS[law][0]
    differences = np.array([draw(generator, queries) - draw(generator, queries) for _ in range(SAMPLES)])
    found = [
        paired_bootstrap(one[:, None], RESAMPLINGS, stream(number, "draws")).p[0]
        for number, one in enumerate(differences)
    ]
    assert sum(p < 0.05 for p in found) <= 33


def test_a_plain_loop_comes_to_the_same() -> None:
    """One draw after the other: (its mean - mean) / its standard error, sorted, read off at both ends."""
    values = np.random.default_rng(3).beta(4, 1, 12)
    generator, ratios = stream(0, "loop"), []
    for row in generator.integers(12, size=(500, 12)):
        drawn = values[row]
        ratios.append((drawn.mean() - values.mean()) / (np.std(drawn, ddof=1) / np.sqrt(12)))
    error = np.std(values, ddof=1) / np.sqrt(12)
    ordered = sorted(ratios)  # places 0 to 499: 2.5 % lies between 12 and 13, 97.5 % between 486 and 487
    low, high, _ = studentised(values[:, None], 500, stream(0, "loop"), 0.0, 1.0)
    assert low[0] == pytest.approx(values.mean() - ordered[487] * error)
    assert high[0] == pytest.approx(values.mean() - ordered[12] * error)
    zero = values.mean() - 0.8 * error  # as if the mean were 0.8 standard errors above zero
    _, _, p = studentised(values[:, None] - zero, 500, stream(0, "loop"), -1.0, 1.0)
    rarer = sum(ratio >= 0.8 for ratio in ratios)
    assert 20 < rarer < 250
    assert p[0] == pytest.approx(2 * (1 + rarer) / 501)


def test_of_two_or_three_queries_hardly_anything_is_known() -> None:
    """A ninth of the draws of three are one query three times: they lie beyond everything."""
    for values in ([0.2, 0.9], [0.2, 0.5, 0.9]):
        low, high, p = studentised(np.array(values)[:, None], 2000, stream(0, "few"), 0.0, 1.0)
        assert (low[0], high[0]) == (0.0, 1.0)
        assert p[0] > 0.05


def test_ends_stay_within_what_scores_can_be() -> None:
    values = np.array([0.7, 1.0, 1.0, 1.0, 0.9, 1.0])
    low, high = intervals(values[:, None], 1000, stream(0, "ends"))[:, 0]
    assert 0.0 <= low < values.mean() < high <= 1.0


def test_columns_are_scored_each_by_itself() -> None:
    values = np.random.default_rng(5).random((9, 3))
    values[:, 1] = 0.5
    together = studentised(values, 300, stream(0, "columns"), -1.0, 1.0)
    for column in range(3):
        alone = studentised(values[:, [column]], 300, stream(0, "columns"), -1.0, 1.0)
        assert [end[column] for end in together] == pytest.approx([end[0] for end in alone])
    assert [end[1] for end in together] == [0.5, 0.5, 2 / 2**9]
    near_zero = values - [0.5, 0.4, 0.6]
    _, _, p = studentised(near_zero, 300, stream(0, "columns"), -1.0, 1.0)
    for column in range(3):
        alone = studentised(near_zero[:, [column]], 300, stream(0, "columns"), -1.0, 1.0)[2]
        assert p[column] == alone[0]
    assert len(set(p.tolist())) == 3


def test_from_thirty_queries_on_percentiles_serve() -> None:
    """The figures of larger sets are those they always were: the loop of test_bootstrap has 30 queries."""
    assert FEW == 30


@pytest.mark.parametrize(
    "values",
    [[0.0, 0.5, 1.0], [-0.4, 0.1, 0.6], [-0.5, 0.0, 0.5], [0.1, 0.7, 0.4], [0.1, 0.3, 0.3, 0.8], [0.3, 0.9]],
)
def test_of_so_few_queries_all_draws_can_be_made(values: list[float]) -> None:
    """Each of the Q^Q draws by itself: its mean over its standard error, beyond all others where its values
    are equal. p is the share that is as rare as the mean; it does not change with the unit of the values,
    nor with what stands in other columns.
    """
    centred = np.array(values) - np.mean(values)
    ratios = []
    for draw in product(centred, repeat=len(values)):
        mean = 0.0 if abs(np.mean(draw)) < 1e-12 else float(np.mean(draw))
        error = np.std(draw, ddof=1) / np.sqrt(len(values))
        ratios.append(mean / error if error > 1e-12 else np.sign(mean) * np.inf if mean else 0.0)
    observed = np.mean(values) / (np.std(values, ddof=1) / np.sqrt(len(values)))
    rarer = min(
        np.mean([ratio >= observed for ratio in ratios]), np.mean([ratio <= observed for ratio in ratios])
    )
    scales = np.array([1.0, 1e-6, 1e-8, 1e3])
    low, high, p = studentised(np.outer(values, scales), 4000, stream(0, "all"), -1e9, 1e9)
    assert p == pytest.approx(np.full(4, min(1.0, 2 * rarer)), abs=0.03)
    if len(values) < 4:  # else equal ones are rarer than 2.5 %
        assert (low.tolist(), high.tolist()) == ([-1e9] * 4, [1e9] * 4)


def test_ends_of_a_single_draw_stay_within_what_values_can_be_too() -> None:
    """Of two values a draw of one alone lies beyond all others, on either side: so do the ends then."""
    found = [studentised(np.array([[-1.0], [2.0]]), 1, stream(seed, "one"), -4.0, 5.0) for seed in range(30)]
    assert {(float(low[0]), float(high[0])) for low, high, _ in found} == {
        (-4.0, -4.0),
        (0.5, 0.5),
        (5.0, 5.0),
    }


def test_equal_values_leave_nothing_to_draw() -> None:
    """Three queries: of zeros p is 1, of other values that of three equal signs, 2^-2; no warning either."""
    means = np.array([0.0, 0.25, -0.25])
    with np.errstate(all="raise"):
        low, high, p = studentised(np.tile(means, (3, 1)), 50, stream(0, "equal"), -1.0, 1.0)
    assert low.tolist() == high.tolist() == means.tolist()
    assert p.tolist() == [1.0, 0.25, 0.25]
