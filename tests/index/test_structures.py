"""Real graphs over groups of equal codes: walks end inside a group, and places stay unfilled."""

from __future__ import annotations

import numpy as np
import pytest

from crosshash.index.exact import nearest
from crosshash.index.recall import measure
from crosshash.index.structures import KINDS, Kind, build_structure
from tests.index.codes import groups

CODES, QUERIES = groups(0, 3_000), groups(1, 40)
ROWS = np.arange(3_000)
TOP = 100


def true_distance(a: np.ndarray, b: np.ndarray) -> int:
    return sum(int(byte).bit_count() for byte in a ^ b)


@pytest.mark.parametrize("kind", KINDS)
def test_unfilled_places_stand_last_beyond_any_code(kind: Kind) -> None:
    structure = build_structure(kind, CODES, ROWS, seed=0)
    rows, distances = structure.search(QUERIES, TOP)
    unfilled = (rows < 0).sum(axis=1)
    assert unfilled.any() == (kind == "hnsw")
    for query, found, measured, missing in zip(QUERIES, rows, distances, unfilled, strict=True):
        filled = TOP - missing
        assert (found[:filled] >= 0).all()
        assert measured[:filled].tolist() == [true_distance(query, CODES[row]) for row in found[:filled]]
        assert (measured[filled:] > CODES.shape[1] * 8).all()
        assert (np.diff(measured) >= 0).all()


def test_what_a_graph_finds_is_counted_whatever_places_stay_empty() -> None:
    """Recall by a loop over what was found: how many of the nearest k found are as near as the k-th."""
    structure = build_structure("hnsw", CODES, ROWS, seed=0)
    exact = nearest(QUERIES, CODES, ROWS, TOP)
    (figures,) = measure(structure, QUERIES, exact, [64])
    rows, _ = structure.search(QUERIES, TOP)
    for depth in (10, 100):
        hits = 0
        for query, found, limits in zip(QUERIES, rows, exact[1], strict=True):
            near = sorted(true_distance(query, CODES[row]) for row in found if row >= 0)[:depth]
            hits += sum(distance <= limits[depth - 1] for distance in near)
        assert figures.recalls[f"recall@{depth}"] == pytest.approx(hits / (depth * len(QUERIES)))
    assert figures.recalls["recall@10"] > figures.recalls["recall@100"]
