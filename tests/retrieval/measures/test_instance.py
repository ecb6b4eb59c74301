from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from crosshash.retrieval.measures import instance
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.instance import partner_scores, real_partner_scores
from crosshash.retrieval.measures.ranking_measures import NDCG, Precision, Recall
from crosshash.retrieval.ranking.tied_ranking import Ties

MEASURES = (Recall(1), Recall(2), Recall(3), Precision(5), AP(), NDCG(3))
THIRD = 0.333333333333333
QUERY = np.array([[0b0], [0b1]], np.uint8)
POOL = np.array([[0b11], [0b1], [0b10]], np.uint8)
"""Distances of the first query are 2, 1, 1: its partner is the last. Of the second 1, 0, 2: the first."""


@pytest.mark.parametrize("ties", get_args(Ties))
def test_the_last_of_a_pool_is_found_when_all_are_looked_at(ties: Ties) -> None:
    """The third place: AP is 1/3, and nDCG 1 / log2(4)."""
    found = partner_scores(QUERY, POOL, MEASURES, ties=ties)
    assert {name: values.round(15).tolist() for name, values in found.items()} == {
        "recall@1": [0.0, 1.0],
        "recall@2": [0.0, 1.0],
        "recall@3": [1.0, 1.0],
        "P@5": [THIRD, THIRD],
        "AP": [THIRD, 1.0],
        "nDCG@3": [0.5, 1.0],
    }
    levels = 2 * np.unpackbits(QUERY, axis=1).astype(np.int8) - 1
    real = real_partner_scores(levels, POOL, MEASURES, ties=ties)
    assert {name: values.tolist() for name, values in real.items()} == {
        name: values.tolist() for name, values in found.items()
    }


def test_each_block_of_queries_looks_for_its_own_partners() -> None:
    """130 queries, of which 128 are searched at once; by loops over inner products, ties by position."""
    generator = np.random.default_rng(0)
    levels, pool = generator.integers(-9, 10, (130, 8)).astype(np.int8), generator.integers(0, 256, (131, 1))
    signs = 2 * np.unpackbits(pool.astype(np.uint8), axis=1).astype(int) - 1
    products = levels.astype(int) @ signs.T
    ranks = [
        sum((-product, place) < (-products[row, row], row) for place, product in enumerate(products[row]))
        for row in range(130)
    ]
    found = real_partner_scores(levels, pool.astype(np.uint8), (Recall(1), Recall(40)), ties="by_id")
    assert found["recall@40"].tolist() == [float(rank < 40) for rank in ranks]
    assert found["recall@1"].tolist() == [float(rank < 1) for rank in ranks]


@pytest.mark.parametrize(
    ("ties", "wanted"),
    [("expected", 0.5), ("optimistic", 1.0), ("pessimistic", 0.0), ("by_id", 0.0)],
)
def test_a_tie_for_the_last_but_one_place(ties: Ties, wanted: float) -> None:
    """The partner of the second ties with the first item; the third is nearer than both."""
    pool = np.array([[0b11], [0b101], [0b1]], np.uint8)
    query = np.zeros((2, 1), np.uint8)
    found = partner_scores(query, pool, MEASURES, ties=ties)
    assert found["recall@1"].tolist() == [0.0, 0.0]
    assert found["recall@2"][1] == wanted
    assert found["recall@3"].tolist() == [1.0, 1.0]


def test_partners_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = np.random.default_rng(0).integers(0, 256, (9, 1)).astype(np.uint8)
    query = pool[:5] ^ np.array([[0], [1], [3], [7], [15]], np.uint8)
    whole = partner_scores(query, pool, MEASURES, ties="by_id")
    monkeypatch.setattr(instance, "BLOCK", 2 * len(pool))
    cut = partner_scores(query, pool, MEASURES, ties="by_id")
    assert {name: values.tolist() for name, values in cut.items()} == {
        name: values.tolist() for name, values in whole.items()
    }
