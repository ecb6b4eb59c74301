from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.retrieval.ranking.radix_sort import nearest_items, sort_items
from crosshash.retrieval.ranking.score_ranking import NearItems, rank_by_score
from crosshash.retrieval.ranking.tied_ranking import Ranking, Ties
from crosshash.retrieval.rerank.second_stage import rerank

# Two queries, five items in the order of their distance. Scores of the first query: 1 1 2 0 2.
SCORES = np.array([[1, 1, 2, 0, 2], [-1, 5, 0, -0.0, -7]], np.float32)
TABLE = np.array([[0, 1, 1, 1, 3], [2, 2, 2, 2, 2]])
RELEVANT = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0]], bool)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=30))
def test_the_order_is_that_of_a_stable_sort(numbers: list[float]) -> None:
    """Infinities, subnormal numbers, both zeros; every number stands there twice."""
    scores = np.array(numbers + numbers, np.float32)
    places = np.arange(len(scores), dtype=np.uint16)  # as distances: they come along
    items = sort_items(nearest_items(places, scores, scores > 0))
    assert np.array_equal(items >> np.uint64(33), np.argsort(-scores, kind="stable"))
    assert np.array_equal(items >> np.uint64(32) & np.uint64(1), -np.sort(-scores) > 0)


def groups(ranking: Ranking, query: int) -> list[tuple[int, int]]:
    """Items and relevant items of each group that has any."""
    rows = zip(ranking.items[query].tolist(), ranking.relevant[query].tolist(), strict=True)
    return [(int(items), int(relevant)) for items, relevant in rows if items]


def test_groups_of_equal_scores_by_hand() -> None:
    """2 2 | 1 1 | 0, relevant 1 0 | 1 0 | 1; then 5 | 0 -0 | -1 | -7, relevant 1 | 1 0 | 0 | 0."""
    ranking = rank_by_score(SCORES, RELEVANT, "expected")
    assert groups(ranking, 0) == [(2, 1), (2, 1), (1, 1)]
    assert groups(ranking, 1) == [(1, 1), (2, 1), (1, 0), (1, 0)]


@pytest.mark.parametrize(("ties", "left"), [("expected", [(2, 0)]), ("by_id", [(1, 0), (1, 0)])])
def test_candidates_by_hand(ties: Ties, left: list[tuple[int, int]]) -> None:
    """Three candidates of the first query, scores 1 1 2: items 2, 0, 1; the fourth and fifth stay, alone in
    what is left of their distance. Of the second, -1 5 0: items 1, 2, 0, then 3 and 4 as one group.
    """
    ranking = NearItems(TABLE, SCORES, RELEVANT).rank_candidates(3, ties)
    assert groups(ranking, 0) == [(1, 1), (1, 1), (1, 0), (1, 1), (1, 0)]
    assert groups(ranking, 1) == [(1, 1), (1, 1), (1, 0), *left]


def test_without_candidates_the_groups_are_those_of_the_distance() -> None:
    ranking = NearItems(TABLE, SCORES, RELEVANT).rank_candidates(0, "expected")
    assert groups(ranking, 0) == [(1, 1), (3, 2), (1, 0)]
    assert groups(ranking, 1) == [(5, 2)]


def test_candidates_are_ordered_as_a_search_does() -> None:
    """Few words and few distances, so that ties are everywhere."""
    generator = np.random.default_rng(0)
    codebook, words = generator.normal(0, 1, (1, 3, 4)).astype(np.float32), generator.integers(0, 3, (40, 1))
    vectors = generator.normal(0, 1, (6, 4)).astype(np.float32)
    table = np.sort(generator.integers(0, 4, (6, 40)), axis=1)
    rows = np.broadcast_to(np.arange(40), table.shape)
    scores = np.take_along_axis(vectors @ codebook[0].T, words[rows][:, :, 0], axis=1)
    relevant = generator.random((6, 40)) < 0.5
    near = NearItems(table, scores, relevant)
    for size in (7, 40):
        ranking = near.rank_candidates(size, "by_id")
        order = rerank(vectors, rows[:, :size], words, codebook, table[:, :size])
        expected = np.concatenate([order, rows[:, size:]], axis=1)
        for query in range(6):
            found = [hit for _, hit in groups(ranking, query)]
            assert found == relevant[query, expected[query]].astype(int).tolist()
