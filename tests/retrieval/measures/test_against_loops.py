"""Every measure, convention, rule for ties and policy on 200 random searches, against plain loops."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, get_args

import numpy as np
import pytest

from crosshash.errors import CrosshashError
from crosshash.retrieval.measures.average_precision import AP, NORMS
from crosshash.retrieval.measures.ranking_measures import (
    NDCG,
    Measure,
    Precision,
    PrecisionWithin,
    Recall,
    RecallWithin,
)
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.scoring.tasks import score_task
from tests.retrieval import loops

CASES = 200
CUTS = (1, 4, 11, 60)  # the last is beyond every one of these sets
MEASURES: tuple[Measure, ...] = (
    AP(),
    *(AP(k, norm) for norm in NORMS for k in CUTS),
    *(kind(k) for kind in (Precision, Recall, NDCG) for k in CUTS),
    *(kind(radius) for kind in (PrecisionWithin, RecallWithin) for radius in (0, 2)),
)


class Case(NamedTuple):
    """Bits and labels of queries and items, and what relates each pair."""

    sides: tuple[Side, Side]
    pairs: list[list[loops.Pair]]


@cache
def case(number: int) -> Case:
    """Codes of 1 to 130 bits near a few prototypes, so that most distances tie; some have no label."""
    generator = np.random.default_rng(number)
    bits = int(generator.integers(1, 131))
    queries, items, classes = (int(generator.integers(*ends)) for ends in ((1, 5), (2, 30), (1, 6)))
    prototypes = generator.integers(0, 2, (int(generator.integers(1, 5)), bits), np.uint8)
    codes = prototypes[generator.integers(len(prototypes), size=queries + items)]
    codes ^= generator.random(codes.shape) < generator.choice([0.0, 0.5 / bits, 3 / bits])
    labels = generator.random((queries + items, classes)) < generator.choice([0.15, 0.4, 0.8])
    labels[0] |= not labels[0].any()
    labels[queries] |= labels[0]  # the first query has an item to find
    labels = labels.astype(np.uint8)
    packed = np.packbits(codes, axis=1)
    sides = Side.of(packed[:queries], labels[:queries]), Side.of(packed[queries:], labels[queries:])
    found = loops.pairs(codes[:queries], codes[queries:], labels[:queries], labels[queries:])
    return Case(sides, found)


def by_loops(measure: Measure, found: list[loops.Pair], ranked: loops.Expected | loops.OneOrder) -> float:
    match measure:
        case AP(k, norm):
            return ranked.ap(k, norm)
        case Precision(k):
            return ranked.precision(k)
        case Recall(k):
            return ranked.recall(k)
        case NDCG(k):
            return ranked.ndcg(k)
        case PrecisionWithin(radius):
            return loops.precision_within(found, radius)
        case RecallWithin(radius):
            return loops.recall_within(found, radius)
    raise AssertionError(measure)


@cache
def expected(number: int, ties: Ties) -> list[list[float] | None]:
    """By query, all measures; None where it has no relevant item."""
    values: list[list[float] | None] = []
    for found in case(number).pairs:
        if not any(shared for _, shared in found):
            values.append(None)
            continue
        ranked = loops.Expected(found) if ties == "expected" else loops.OneOrder(loops.one_order(found, ties))
        values.append([by_loops(measure, found, ranked) for measure in MEASURES])
    return values


@pytest.mark.parametrize("undefined", ["skip", "zero", "error"])
@pytest.mark.parametrize("ties", get_args(Ties))
def test_every_measure_is_that_of_the_loops(ties: Ties, undefined: str) -> None:
    names, ranks = [str(measure) for measure in MEASURES], np.arange(1, 3)
    undefined_cases = 0
    for number in range(CASES):
        wanted = expected(number, ties)
        sides, ids = case(number).sides, [f"query {row}" for row in range(len(wanted))]

        def score(sides=sides, ids=ids):  # noqa: ANN001, ANN202
            return score_task(*sides, MEASURES, ranks, ties=ties, undefined=undefined, names=ids)

        undefined_cases += None in wanted
        if undefined == "error" and None in wanted:
            with pytest.raises(CrosshashError, match=f"query {wanted.index(None)}"):
                score()
            continue
        scored = [value or [0.0] * len(names) for value in wanted if value or undefined == "zero"]
        result = score()
        values = np.array([result.values[name] for name in names]).T
        assert values.shape == np.shape(scored)
        assert np.abs(values - np.array(scored)).max() <= 1e-12, f"case {number}"
        assert result.n_undefined == sum(value is None for value in wanted)
        assert result.scored.tolist() == [value is not None or undefined == "zero" for value in wanted]
    assert 20 < undefined_cases < CASES - 20
