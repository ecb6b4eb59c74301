from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from math import comb
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom, nhypergeom
from sklearn.metrics import average_precision_score

from crosshash.retrieval.measures.average_precision import AP, NORMS
from crosshash.retrieval.measures.ranking_measures import NDCG, Measure, Precision, Recall
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.tied_ranking import Ranking, Ties, rank
from crosshash.retrieval.scoring.report_measures import HIDDEN, MEASURES
from tests.retrieval import cases

PAIRS: list[tuple[Measure, Callable[[list[int]], float]]] = [
    (AP(), cases.ap),
    *((AP(k, norm), partial(cases.ap, k=k, norm=norm)) for norm in NORMS for k in (1, 2, 3, 5, 50)),
    *((Precision(k), partial(cases.precision, k=k)) for k in (1, 3, 100)),
    *((Recall(k), partial(cases.recall, k=k)) for k in (1, 3, 100)),
    *((NDCG(k), partial(cases.ndcg, k=k)) for k in (1, 3, 1000)),
]


def value(measure: Measure, distances: list[int], grades: list[int], ties: Ties = "expected") -> float:
    query, retrieval = cases.search(distances, grades)
    _, ranking = rank(query, retrieval, range(1), ties, cases.CLASSES + 1)
    return float(measure(ranking)[0])


@pytest.mark.parametrize(("measure", "reference"), PAIRS, ids=lambda part: str(part)[:12])
def test_expected_is_the_mean_over_all_orders_inside_tie_groups(
    measure: Measure, reference: Callable[[list[int]], float]
) -> None:
    generator = np.random.default_rng(7)
    for _ in range(60):
        distances, grades = cases.random_search(generator)
        expected = cases.mean_over_orders(reference, distances, grades)
        assert value(measure, distances, grades) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("measure", "reference"), PAIRS, ids=lambda part: str(part)[:12])
def test_other_rules_are_one_order_each(measure: Measure, reference: Callable[[list[int]], float]) -> None:
    """by_id: stable sort by distance; optimistic: most shared labels first in a group; pessimistic: last."""
    generator = np.random.default_rng(8)
    for _ in range(60):
        distances, grades = cases.random_search(generator)
        items = range(len(distances))
        keys = {
            "by_id": lambda j, d=distances: (d[j], j),
            "optimistic": lambda j, d=distances, g=grades: (d[j], -g[j]),
            "pessimistic": lambda j, d=distances, g=grades: (d[j], g[j]),
        }
        for ties, key in keys.items():
            order = [grades[j] for j in sorted(items, key=key)]
            assert value(measure, distances, grades, ties) == pytest.approx(reference(order), abs=1e-12)


def test_optimistic_and_pessimistic_are_the_best_and_the_worst_order() -> None:
    """For all but AP@k[hits], where one more hit at a late rank can lower the mean of the precisions."""
    generator = np.random.default_rng(9)
    for _ in range(40):
        distances, grades = cases.random_search(generator)
        for measure, reference in PAIRS:
            if "hits" in str(measure):
                continue
            values = [reference(order) for order in cases.orders(distances, grades)]
            assert value(measure, distances, grades, "optimistic") == pytest.approx(max(values), abs=1e-12)
            assert value(measure, distances, grades, "pessimistic") == pytest.approx(min(values), abs=1e-12)


@pytest.mark.parametrize("ties", get_args(Ties))
def test_queries_of_a_block_do_not_touch_one_another(ties: Ties) -> None:
    """Where one query's first k end, another's have long ended."""
    generator = np.random.default_rng(2)
    codes = np.concatenate([np.zeros((30, 2), np.uint8), cases.random_codes(generator, 30, 16)])
    labels = np.concatenate([np.ones((1, 3), np.uint8), cases.random_labels(generator, 59, 3)])
    retrieval = Side.of(codes, labels)
    query = Side.of(
        cases.random_codes(generator, 9, 16) & np.arange(9, dtype=np.uint8)[:, None], labels[[0] * 9]
    )
    _, block = rank(query, retrieval, range(9), ties, 4)
    for measure, _ in PAIRS:
        alone = [measure(rank(query, retrieval, range(q, q + 1), ties, 4)[1])[0] for q in range(9)]
        assert measure(block) == pytest.approx(alone, abs=1e-12)


def test_one_relevant_of_two_tied_items() -> None:
    """Two items at one distance, one relevant: it is first or second, AP 1 or 1/2, in the mean 3/4.

    AP@1[min] and AP@1[hits]: 1 or 0, mean 1/2. nDCG@2: 1 or 1/log2(3) = 0.6309, mean 0.8155.
    """
    assert value(AP(), [3, 3], [1, 0]) == 0.75
    assert value(AP(1, "min"), [3, 3], [1, 0]) == 0.5
    assert value(AP(1, "hits"), [3, 3], [1, 0]) == 0.5
    assert value(NDCG(2), [3, 3], [1, 0]) == pytest.approx((1 + 1 / math.log2(3)) / 2, abs=1e-15)


def test_a_cut_off_is_a_rank_not_a_number_of_relevant_items() -> None:
    """Ranks: miss, miss, hit, hit. Up to rank 2 there is no hit: 0. "The first two relevant items anywhere"
    would give (1/3 + 2/4) / 2 = 0.4167, which is AP over all ranks here."""
    distances, grades = [0, 1, 2, 3], [0, 0, 1, 1]
    assert value(AP(2, "min"), distances, grades) == 0
    assert value(AP(2, "hits"), distances, grades) == 0
    assert value(AP(), distances, grades) == pytest.approx((1 / 3 + 2 / 4) / 2, abs=1e-15)


def test_conventions_of_average_precision_at_a_cut_off() -> None:
    """Ranks: hit, miss, hit, hit; 3 relevant; up to rank 2 one hit with precision 1.

    min: 1 / min(2, 3) = 1/2; hits: 1 / 1 = 1; all: 1 / 3; first: the first two stand at ranks 1 and 3:
    (1 + 2/3) / 2. At rank 3 the sum is 1 + 2/3: min and all divide by 3, hits by 2, and the first three
    relevant items are all there are: (1 + 2/3 + 3/4) / 3.
    """
    distances, grades = [0, 1, 2, 3], [1, 0, 1, 1]
    expected = {2: (1 / 2, 1, 1 / 3, 5 / 6), 3: (5 / 9, 5 / 6, 5 / 9, 29 / 36)}
    for k, values in expected.items():
        for norm, wanted in zip(NORMS, values, strict=True):
            assert value(AP(k, norm), distances, grades) == pytest.approx(wanted, abs=1e-15)


def test_recall_is_hits_over_relevant() -> None:
    """Ranks: hit, miss, hit, hit: at 2 one of 3 relevant. Found over relevant is 2/3, over all 2/4."""
    assert value(Recall(2), [0, 1, 2, 3], [1, 0, 1, 1]) == pytest.approx(1 / 3, abs=1e-15)
    assert value(Recall(4), [0, 1, 2, 3], [1, 0, 1, 1]) == 1


def test_items_that_share_nothing_gain_nothing() -> None:
    """Two items that may stand in either order, as above; without a warning."""
    with np.errstate(all="raise"):
        found = value(NDCG(2), [3, 3], [1, 0])
    assert found == pytest.approx((1 + 1 / math.log2(3)) / 2, abs=1e-15)


def test_cut_offs_beyond_the_set_take_all_there_is() -> None:
    """Ranks: hit, miss. P@100 is 1 of 2 items; AP@50[min] divides by min(50, 1)."""
    assert value(Precision(100), [0, 1], [1, 0]) == 0.5
    assert value(AP(50, "min"), [0, 1], [1, 0]) == 1.0
    assert value(NDCG(1000), [0, 1], [0, 1]) == pytest.approx(1 / math.log2(3), abs=1e-15)


def test_the_mean_of_ratios_is_exact_for_a_large_group() -> None:
    """AP@50[hits]: 8 of 20 items relevant, then 90 of 400 tied ones; exact fractions are the reference."""
    before, found, tied, relevant, k = 20, 8, 400, 90, 50
    m = k - before
    first = sum(Fraction(i, i) for i in range(1, found + 1))
    expected = Fraction(0)
    for h in range(min(m, relevant) + 1):
        probability = Fraction(comb(relevant, h) * comb(tied - relevant, m - h), comb(tied, m))
        inside = sum(
            Fraction(h, m) * (found + 1 + (Fraction((i - 1) * (h - 1), m - 1))) / (before + i)
            for i in range(1, m + 1)
        )
        expected += probability * (first + inside) / (found + h)
    ranking = Ranking(
        np.array([[8.0, 12.0, 400.0, 5.0]]),
        np.array([[8.0, 0.0, 90.0, 1.0]]),
        np.array([[8.0, 0.0, 90.0, 1.0]]),
        np.array([[326, 99]]),
    )
    assert AP(k, "hits")(ranking)[0] == pytest.approx(float(expected), abs=1e-12)


def test_the_first_relevant_items_of_a_large_group_are_exact() -> None:
    """AP@50[first]: 8 of 20 items relevant, then 90 of 400 tied ones; j-th of them at place x, in fractions.

    P(x) = C(x - 1, j - 1) C(400 - x, 90 - j) / C(400, 90).
    """
    before, found, tied, relevant, k = 20, 8, 400, 90, 50
    total = sum(Fraction(i, i) for i in range(1, found + 1))
    for j in range(1, k - found + 1):
        for x in range(j, tied - relevant + j + 1):
            probability = Fraction(comb(x - 1, j - 1) * comb(tied - x, relevant - j), comb(tied, relevant))
            total += probability * Fraction(found + j, before + x)
    ranking = Ranking(
        np.array([[8.0, 12.0, 400.0, 5.0]]),
        np.array([[8.0, 0.0, 90.0, 1.0]]),
        np.array([[8.0, 0.0, 90.0, 1.0]]),
        np.array([[326, 99]]),
    )
    assert AP(k, "first")(ranking)[0] == pytest.approx(float(total / k), abs=1e-12)


def test_groups_of_thousands_keep_their_digits() -> None:
    """One group of 12,000 items, 5,000 relevant, cut at 4,000; probabilities from scipy's distributions.

    Both sum up the precisions of a smaller group that is whole: m places with h relevant items.
    """
    items, relevant, k = 12_000, 5_000, 4_000
    ranking = Ranking(
        *(np.array([[float(n)]]) for n in (items, relevant, relevant)), np.array([[7_000, 5_000]])
    )
    harmonic = np.append(0, np.cumsum(1 / np.arange(1, items + 1)))

    def whole(m: np.ndarray, h: np.ndarray) -> np.ndarray:
        slope = (h - 1) / (m - 1)
        return h / m * ((1 - slope) * harmonic[m] + slope * m)

    h = np.arange(1, k + 1)
    per_hit = hypergeom(items, relevant, k).pmf(h) @ (whole(np.full(k, k), h) / h)
    assert AP(k, "hits")(ranking)[0] == pytest.approx(per_hit, abs=1e-9)
    place = np.arange(k, items - relevant + k + 1)  # of the last of the first k relevant items
    sums = whole(place - 1, np.full(len(place), k - 1)) + k / place
    first = nhypergeom(items, items - relevant, k).pmf(place - k) @ sums / k
    assert AP(k, "first")(ranking)[0] == pytest.approx(first, abs=1e-9)


def test_equals_scikit_learn_without_ties() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        size = int(generator.integers(2, cases.BITS))
        distances = generator.permutation(cases.BITS)[:size].tolist()
        grades = generator.integers(0, 2, size=size)
        grades[0] = 1
        expected = average_precision_score(grades, -np.array(distances))
        assert value(AP(), distances, grades.tolist()) == pytest.approx(expected, abs=1e-12)


def test_names_carry_the_convention() -> None:
    """Those of the files: docs/protocol.md lists them."""
    assert [str(measure) for measure in MEASURES] == [
        "AP", "AP@50[min]", "AP@50[hits]", "AP@50[all]", "AP@50[first]", "AP@500[min]", "AP@5000[min]",
        "AP@5000[hits]", "AP@5000[all]", "AP@5000[first]", "P@1", "P@10", "P@100", "P@1000", "recall@10",
        "recall@100", "recall@1000", "nDCG@1000", "P@radius2", "recall@radius2",
    ]  # fmt: skip
    assert set(HIDDEN) < set(MEASURES)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=40).filter(
        lambda items: any(grade for _, grade in items)
    )
)
def test_values_lie_between_the_bounds(items: list[tuple[int, int]]) -> None:
    distances, grades = [d for d, _ in items], [g for _, g in items]
    for measure, _ in PAIRS:
        expected = value(measure, distances, grades)
        assert -1e-12 <= expected <= 1 + 1e-12
        if "hits" not in str(measure):
            assert value(measure, distances, grades, "pessimistic") <= expected + 1e-12
            assert expected <= value(measure, distances, grades, "optimistic") + 1e-12
