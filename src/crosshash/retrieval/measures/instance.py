"""Does a query find its own partner, the other half of its pair? Needs pairs and no labels.

Shapes: Q queries, q those of a block, N items of the pool, W bytes of a code, K its bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hamming import distances
from crosshash.codes.vector_code import VectorCode
from crosshash.retrieval.measures.ranking_measures import Measure
from crosshash.retrieval.ranking.asymmetric import RealSearch
from crosshash.retrieval.ranking.compiled import compiled
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.parallel import over_blocks
from crosshash.retrieval.ranking.tied_ranking import Ranking, Ties

BLOCK = 1 << 20  # distances held at once by a thread
Distances = NDArray[np.uint16] | NDArray[np.float32]


def partner_scores(
    query_QW: NDArray[np.uint8], pool_NW: NDArray[np.uint8], measures: Sequence[Measure], *, ties: Ties
) -> dict[str, NDArray[np.float64]]:
    """Score each query by its partner, the only relevant item: by measure, float64[Q].

    Packed codes; the first Q rows of the pool are the partners in the same order.
    """
    step, count = max(1, BLOCK // len(pool_NW)), len(query_QW)
    blocks = (range(start, min(start + step, count)) for start in range(0, count, step))
    return _scores(lambda rows: distances(query_QW[rows.start : rows.stop], pool_NW), blocks, measures, ties)


def real_partner_scores(
    levels_QK: NDArray[np.int8],
    pool_NW: NDArray[np.uint8],
    measures: Sequence[Measure],
    *,
    ties: Ties,
    code: VectorCode | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Do the same by asymmetric distance, with real codes of the queries; code: how the pool is read."""
    labels = np.zeros((len(pool_NW), 0), np.uint8)
    search = RealSearch(levels_QK, pool_NW, Side.of(pool_NW, labels), Side.of(pool_NW, labels), code)
    return _scores(search.distances, search.blocks(), measures, ties)


def _scores(
    find: Callable[[range], Distances], blocks: Iterable[range], measures: Sequence[Measure], ties: Ties
) -> dict[str, NDArray[np.float64]]:
    """Score blocks of queries, whose distances to the pool `find` gives."""

    def work(rows: range) -> list[NDArray[np.float64]]:
        ranking = _ranking(find(rows), np.arange(rows.start, rows.stop), ties)
        return [measure(ranking) for measure in measures]

    parts = over_blocks(work, blocks)
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return {str(measure): column for measure, column in zip(measures, columns, strict=True)}


def _ranking(distance_qN: Distances, partner_q: NDArray[np.intp], ties: Ties) -> Ranking:
    """Rank as three groups: nearer than the partner, tied with it, farther; rules for ties move the tied."""
    queries, pool = distance_qN.shape
    nearer_q, tied_q, earlier_q = _around(distance_qN, partner_q).T
    if ties != "expected":
        moved_q = {"optimistic": np.zeros_like(tied_q), "pessimistic": tied_q - 1, "by_id": earlier_q}[ties]
        nearer_q, tied_q = nearer_q + moved_q, np.ones_like(tied_q)
    items_q3 = np.stack([nearer_q, tied_q, pool - nearer_q - tied_q], axis=1).astype(np.float64)
    relevant_q3 = np.zeros_like(items_q3)
    relevant_q3[:, 1] = 1
    grades_q2 = np.tile(np.array([pool - 1, 1]), (queries, 1))
    return Ranking(items_q3, relevant_q3, relevant_q3, grades_q2)


@compiled
def _around(distance_qN: Distances, partner_q: NDArray[np.intp]) -> NDArray[np.int64]:
    """Count items nearer than the partner, as near (it among them), and of these those before it: [q, 3]."""
    found_q3 = np.zeros((len(distance_qN), 3), np.int64)
    for q in range(len(distance_qN)):
        partner = partner_q[q]
        own, nearer, tied, earlier = distance_qN[q, partner], 0, 0, 0
        for j in range(partner):
            nearer += distance_qN[q, j] < own
            earlier += distance_qN[q, j] == own
        for j in range(partner, distance_qN.shape[1]):
            nearer += distance_qN[q, j] < own
            tied += distance_qN[q, j] == own
        found_q3[q] = nearer, earlier + tied, earlier
    return found_q3
