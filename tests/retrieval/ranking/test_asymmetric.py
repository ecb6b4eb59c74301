from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from crosshash.codes.hashcodes import pack
from crosshash.codes.vector_code import KINDS, Kind, VectorCode, fit_words
from crosshash.retrieval.measures.average_precision import AP, NORMS
from crosshash.retrieval.measures.instance import real_partner_scores
from crosshash.retrieval.measures.ranking_measures import NDCG, Measure, Precision, Recall
from crosshash.retrieval.ranking.asymmetric import CHUNK, RealSearch
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.scoring.tasks import score_task
from tests.retrieval import loops
from tests.retrieval.measures.test_against_loops import by_loops

CUTS = (1, 4, 11, 60)
MEASURES: tuple[Measure, ...] = (
    AP(),
    *(AP(k, norm) for norm in NORMS for k in CUTS),
    *(kind(k) for kind in (Precision, Recall, NDCG) for k in CUTS),
)


def search(levels: np.ndarray, codes: np.ndarray, query_labels: np.ndarray, labels: np.ndarray) -> RealSearch:
    """levels: int8[Q, K]; codes: +-1 [N, K]."""
    packed = pack(codes)
    return RealSearch(levels, packed, Side.of(pack(levels), query_labels), Side.of(packed, labels))


def plain_distance(levels: np.ndarray, code: np.ndarray) -> int:
    """Sum of |q_i| over the bits where the signs differ; zero adds nothing whatever its sign."""
    return sum(abs(int(q)) for q, b in zip(levels, code, strict=True) if (1 if q >= 0 else -1) != b)


def test_distances_by_hand() -> None:
    """q = (3, -2, 0, 1): to (1, -1, 1, 1) nothing differs; to (-1, 1, -1, -1) all, 3 + 2 + 0 + 1 = 6; to
    (1, 1, 1, -1) 2 + 1 = 3. As inner products: 6, -6, 3 - 2 + 0 - 1 = 0, and (6 - s) / 2 = 0, 6, 3.
    """
    levels = np.array([[3, -2, 0, 1]], np.int8)
    codes = np.array([[1, -1, 1, 1], [-1, 1, -1, -1], [1, 1, 1, -1]])
    found = search(levels, codes, np.ones((1, 1)), np.ones((3, 1)))
    assert found.farthest == 6
    assert found.distances(range(1)).tolist() == [[0.0, 6.0, 3.0]]


@pytest.mark.parametrize(("levels", "farthest"), [([[3, -2], [1, 5], [-4, 0]], 6), ([[0, 0]], 0)])
def test_the_farthest_that_any_query_can_be(levels: list[list[int]], farthest: int) -> None:
    """3 + 2 = 5, 1 + 5 = 6 and 4; a query of zeros is nowhere but at 0."""
    real = search(np.array(levels, np.int8), np.ones((2, 2)), np.ones((len(levels), 1)), np.ones((2, 1)))
    assert real.farthest == farthest


def test_groups_by_hand() -> None:
    """Distances 0, 2, 2, 3 with 0, 2, 1, 1 shared labels: groups of 1, 2 and 1 items, 0, 2 and 1 relevant."""
    levels = np.array([[1, 2]], np.int8)
    codes = np.array([[1, 1], [1, -1], [1, -1], [-1, -1]])
    labels = np.array([[0, 0], [1, 1], [1, 0], [0, 1]])
    ranking = search(levels, codes, np.ones((1, 2)), labels).rank(range(1), "expected", 3)
    assert ranking.items.tolist() == [[1, 2, 1]]
    assert ranking.relevant.tolist() == [[0, 2, 1]]
    assert ranking.gain.tolist() == [[0, 3, 1]]
    assert ranking.grades.tolist() == [[1, 2, 1]]


@pytest.mark.parametrize("ties", get_args(Ties))
def test_every_measure_is_that_of_the_loops(ties: Ties) -> None:
    ties_seen = 0
    for number in range(100):
        generator = np.random.default_rng(number)
        bits = int(generator.integers(1, 131))
        queries, items, classes = (int(generator.integers(*ends)) for ends in ((1, 5), (2, 30), (1, 6)))
        largest = int(generator.choice([1, 2, 127]))
        levels = generator.integers(-largest, largest + 1, (queries, bits)).astype(np.int8)
        codes = generator.choice([-1, 1], (3, bits))[generator.integers(3, size=items)]
        codes[generator.random(codes.shape) < 0.3 / bits] *= -1
        labels = (generator.random((queries + items, classes)) < 0.4).astype(np.uint8)
        labels[0, 0] = labels[queries, 0] = 1
        mine, theirs = labels[:queries], labels[queries:]
        pairs = [
            [(plain_distance(levels[q], codes[n]), int((mine[q] & theirs[n]).sum())) for n in range(items)]
            for q in range(queries)
        ]
        ties_seen += any(len({distance for distance, _ in one}) < items for one in pairs)
        real = search(levels, codes, mine, theirs)
        found = score_task(
            real.query, real.retrieval, MEASURES, np.arange(1, 3),
            ties=ties, undefined="skip", names=[""] * queries, real=real,
        )  # fmt: skip
        scored = [one for one in pairs if any(shared for _, shared in one)]
        for row, one in enumerate(scored):
            ranked = loops.Expected(one) if ties == "expected" else loops.OneOrder(loops.one_order(one, ties))
            for measure in MEASURES:
                expected = by_loops(measure, one, ranked)
                assert abs(found.values[str(measure)][row] - expected) <= 1e-12, (number, str(measure))
        assert found.by_radius.shape == (0, 2)
    assert ties_seen > 50


def test_levels_of_one_are_hamming_distance() -> None:
    generator = np.random.default_rng(0)
    levels = generator.choice([-1, 1], (20, 70)).astype(np.int8)
    codes = generator.choice([-1, 1], (300, 70))
    labels = (generator.random((320, 4)) < 0.3).astype(np.uint8)
    labels[0] = labels[20] = 1
    real = search(levels, codes, labels[:20], labels[20:])
    settings = {"ties": "expected", "undefined": "skip", "names": [""] * 20}
    ranks = np.arange(1, 4)
    by_real = score_task(real.query, real.retrieval, MEASURES, ranks, real=real, **settings)  # type: ignore[arg-type]
    by_code = score_task(real.query, real.retrieval, MEASURES, ranks, **settings)  # type: ignore[arg-type]
    assert by_real.values.keys() == by_code.values.keys()
    for name, values in by_code.values.items():
        assert np.array_equal(by_real.values[name], values)


def test_more_items_than_a_chunk_and_more_queries_than_a_block() -> None:
    generator = np.random.default_rng(1)
    levels = generator.integers(-127, 128, (258, 16)).astype(np.int8)
    codes = generator.choice([-1, 1], (2 * CHUNK + 5, 16))
    real = search(levels, codes, np.ones((258, 1)), np.ones((len(codes), 1)))
    rows = real.blocks()
    assert [len(one) for one in rows] == [128, 128, 2]
    found = np.concatenate([real.distances(one) for one in rows])
    sums = np.abs(levels.astype(int)).sum(axis=1, keepdims=True)
    assert np.array_equal(found, (sums - levels.astype(int) @ codes.T) / 2)


def test_blocks_of_many_items_keep_enough_queries_to_share_the_signs() -> None:
    """2^21 distances of 2^18 items would be those of 8 queries, and the signs looked up for each 8 anew."""
    many, levels = np.zeros((1 << 18, 1), np.uint8), np.ones((70, 8), np.int8)
    side = Side.of(many[:70], np.ones((70, 1)))
    real = RealSearch(levels, many, side, side)
    assert [len(rows) for rows in real.blocks()] == [32, 32, 6]
    assert {len(rows) for rows in real.blocks("by_id")[:-1]} == {8}  # sorts take more memory


def test_partners_by_hand() -> None:
    """The first query's partner is nearest (recall@1 = 1); the second's ties with one other item: 1/2."""
    levels = np.array([[3, 1], [1, -2]], np.int8)
    pool = pack(np.array([[1, 1], [1, -1], [1, -1]]))
    found = real_partner_scores(levels, pool, (Recall(1), Recall(2)), ties="expected")
    assert found["recall@1"].tolist() == [1.0, 0.5]
    assert found["recall@2"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("ties", get_args(Ties))
@pytest.mark.parametrize("kind", KINDS)
def test_every_measure_of_stored_vectors_is_that_of_the_loops(kind: Kind, ties: Ties) -> None:
    """Vectors repeat, so that scores tie; those of the loops are summed in the order of the dimensions."""
    for number in range(20):
        generator = np.random.default_rng(number)
        dims = 4 * int(generator.integers(1, 5))
        queries, items, classes = (int(generator.integers(*ends)) for ends in ((1, 5), (16, 40), (1, 6)))
        vectors = generator.normal(size=(12, dims))[generator.integers(12, size=items)].astype(np.float16)
        words = fit_words(generator.normal(size=(40, dims)), 0) if kind == "pq" else None
        code = VectorCode(kind, dims, words)
        levels = generator.integers(-63, 64, (queries, dims)).astype(np.int8)
        labels = (generator.random((queries + items, classes)) < 0.4).astype(np.uint8)
        labels[0, 0] = labels[queries, 0] = 1
        mine, theirs = labels[:queries], labels[queries:]
        packed = code.encode(vectors)
        pairs = [
            [
                (-sum(int(q) * float(v) for q, v in zip(levels[one], vector, strict=True)), int(shared))
                for vector, shared in zip(code.decode(packed), (mine[one] & theirs).sum(axis=1), strict=True)
            ]
            for one in range(queries)
        ]
        real = RealSearch(levels, packed, Side.of(pack(levels), mine), Side.of(packed, theirs), code)
        found = score_task(
            real.query, real.retrieval, MEASURES, np.arange(1, 3),
            ties=ties, undefined="skip", names=[""] * queries, real=real,
        )  # fmt: skip
        scored = [one for one in pairs if any(shared for _, shared in one)]
        for row, one in enumerate(scored):
            ranked = loops.Expected(one) if ties == "expected" else loops.OneOrder(loops.one_order(one, ties))
            for measure in MEASURES:
                expected = by_loops(measure, one, ranked)
                assert abs(found.values[str(measure)][row] - expected) <= 1e-12, (number, str(measure))


def test_places_of_stored_vectors_by_hand() -> None:
    """q = (1, 2) with (3, 0), (1, 1), (0, 0), (-1, 2): products 3, 3, 0 and 3; two places."""
    code, rows = VectorCode("none", 2), np.array([[3, 0], [1, 1], [0, 0], [-1, 2]], np.float16)
    nothing = Side.of(code.encode(rows), np.zeros((4, 0)))
    found = RealSearch(np.array([[1, 2]], np.int8), code.encode(rows), nothing, nothing, code)
    assert found.distances(range(1)).tolist() == [[0, 0, 1, 0]]
