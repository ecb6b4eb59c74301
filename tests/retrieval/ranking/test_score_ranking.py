from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.ranking_measures import Measure
from crosshash.retrieval.ranking.score_ranking import rank_by_score, rank_in_stages
from crosshash.retrieval.ranking.tied_ranking import Ranking, Ties
from crosshash.retrieval.rerank.second_stage import rerank
from tests.retrieval import loops

# Two queries, five items in the order of their distance. Scores of the first query: 1 1 2 0 2.
SCORES = np.array([[1, 1, 2, 0, 2], [-1, 5, 0, -0.0, -7]], np.float32)
TABLE = np.array([[0, 1, 1, 1, 3], [2, 2, 2, 2, 2]])
RELEVANT = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0]], bool)


def codes(table: NDArray[np.integer]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Make codes whose distances are in the order of those of a table [Q, N] of numbers below 64.

    Two words for each query: an item's have d ones, and 63 - d. The query's own are 0 and 63 ones, so that it
    is 2 d away; those of another are zeros, which all items are 63 away from.
    """
    ones, queries = (np.uint64(1) << np.arange(64, dtype=np.uint64)) - np.uint64(1), len(table)
    items = np.stack([ones[table], ones[63 - table]], axis=1).reshape(2 * queries, -1)
    asked = np.zeros((2 * queries, queries), np.uint64)
    asked[2 * np.arange(queries) + 1, np.arange(queries)] = ones[63]
    return asked, items


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
    ranking = rank_in_stages(codes(TABLE), SCORES, RELEVANT, [3], ties)[1]
    assert groups(ranking, 0) == [(1, 1), (1, 1), (1, 0), (1, 1), (1, 0)]
    assert groups(ranking, 1) == [(1, 1), (1, 1), (1, 0), *left]


def test_without_candidates_the_groups_are_those_of_the_distance() -> None:
    ranking = rank_in_stages(codes(TABLE), SCORES, RELEVANT, [0], "expected")[1]
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
    sizes = 7, 40
    _, *rankings = rank_in_stages(codes(table), scores, relevant, sizes, "by_id")
    for size, ranking in zip(sizes, rankings, strict=True):
        order = rerank(vectors, rows[:, :size], words, codebook, table[:, :size])
        expected = np.concatenate([order, rows[:, size:]], axis=1)
        for query in range(6):
            found = [hit for _, hit in groups(ranking, query)]
            assert found == relevant[query, expected[query]].astype(int).tolist()


MEASURES: tuple[Measure, ...] = (AP(), AP(50, "min"), AP(50, "hits"), AP(3, "min"))


def agree(ranking: Ranking, query: int, pairs: list[tuple[int, int]], ties: Ties) -> None:
    """The measures are those of loops over pairs of a key, the lowest first, and whether it is relevant."""
    ranked = loops.Expected(pairs) if ties == "expected" else loops.OneOrder(loops.one_order(pairs, ties))
    for measure in MEASURES:
        assert isinstance(measure, AP)
        wanted = ranked.ap(measure.k, measure.norm)
        assert measure(ranking)[query] == pytest.approx(wanted, abs=1e-12), str(measure)
    hits = sum(hit for _, hit in pairs)
    assert ranking.grades[query].tolist() == [len(pairs) - hits, hits]
    assert ranking.size == len(pairs)


@pytest.mark.parametrize("items", [7, 50, 51, 90])
@pytest.mark.parametrize("ties", get_args(Ties))
def test_every_way_to_rank_is_that_of_the_loops(ties: Ties, items: int) -> None:
    """Of the queries one has many scores, one few, which tie across the fiftieth rank and behind it."""
    generator = np.random.default_rng(items)
    scores = np.stack([generator.integers(0, most, items) for most in (300, 8, 3)]).astype(np.float32)
    relevant = generator.random((3, items)) < 0.25
    relevant[:, 0] = True
    distances = generator.integers(0, 12, (3, items))
    sizes = [size for size in (0, 5, 50, 60, 90) if size <= items]
    by_score = rank_by_score(scores, relevant, ties)
    by_score_too, *by_code = rank_in_stages(codes(distances), scores, relevant, sizes, ties)
    for query in range(3):
        hits, falling = relevant[query].astype(int), -scores[query].astype(int)
        for ranking in (by_score, by_score_too):
            agree(ranking, query, [*zip(falling.tolist(), hits.tolist(), strict=True)], ties)
        order = np.argsort(distances[query], kind="stable")
        for size, ranking in zip(sizes, by_code, strict=True):
            first = sorted(order[:size].tolist(), key=lambda row, falling=falling: falling[row])  # type: ignore[misc]
            singles = [(place - items, int(hits[row])) for place, row in enumerate(first)]
            left = [(int(distances[query, row]), int(hits[row])) for row in order[size:]]
            agree(ranking, query, singles + left, ties)


@pytest.mark.parametrize("ties", get_args(Ties))
def test_a_group_behind_the_fiftieth_rank_may_be_longer_than_all_before_it(ties: Ties) -> None:
    """50 scores of their own, 60 equal ones and 5; a relevant item in each of the two."""
    scores = np.array([*range(100, 50, -1), *[5] * 60, *[1] * 5], np.float32)
    hits = np.isin(np.arange(115), (50, 75, 111))
    pairs = [*zip((-scores).astype(int).tolist(), hits.astype(int).tolist(), strict=True)]
    agree(rank_by_score(scores[None], hits[None], ties), 0, pairs, ties)


@pytest.mark.parametrize(
    ("ties", "wanted"), [("expected", 0.5), ("by_id", 0.0), ("optimistic", 1.0), ("pessimistic", 0.0)]
)
def test_one_relevant_item_that_ties_across_the_fiftieth_rank(ties: Ties, wanted: float) -> None:
    """After 49 others two have equal scores, the second is relevant: precision 1 / 50 or 0 up to there."""
    scores = np.array([[*range(60, 11, -1), 5, 5, 1]], np.float32)
    relevant = np.arange(52)[None] == 50
    for ranking in (
        rank_by_score(scores, relevant, ties),
        rank_in_stages(codes(60 - scores.astype(int)), scores, relevant, [0], ties)[1],
    ):
        assert AP(50, "min")(ranking).tolist() == pytest.approx([wanted / 50], abs=1e-15)
        assert AP()(ranking).tolist() == pytest.approx([wanted / 50 + (1 - wanted) / 51], abs=1e-15)


def test_queries_that_are_left_out_take_their_sums_along() -> None:
    """APs 1 / 2, 1 and 1 / 3."""
    relevant = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]], bool)
    ranking = rank_by_score(np.array([[3, 2, 1]] * 3, np.float32), relevant, "expected")
    assert AP()(ranking) == pytest.approx([1 / 2, 1, 1 / 3], abs=1e-15)
    kept = ranking.take(np.array([True, False, True]))
    assert AP()(kept) == pytest.approx([1 / 2, 1 / 3], abs=1e-15)


def test_groups_behind_the_fiftieth_rank_are_not_known() -> None:
    ranking = rank_by_score(np.zeros((1, 60), np.float32), np.ones((1, 60), bool), "expected")
    with pytest.raises(ValueError, match="groups are known up to rank 50, not to 51"):
        ranking.cut(51)
    assert ranking.cut(60).before.tolist() == ranking.cut(70).before.tolist() == [60]
    assert ranking.cut(50).places.tolist() == [50]


def test_what_begins_behind_the_fiftieth_rank_is_one_group() -> None:
    """100 equal scores, 60 of them relevant, before a last one: the 40 others begin at rank 61."""
    scores, relevant = np.array([[5] * 100 + [1]], np.float32), np.arange(101)[None] < 60
    assert groups(rank_by_score(scores, relevant, "optimistic"), 0) == [(60, 60), (41, 0)]
