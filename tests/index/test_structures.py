"""Real graphs over groups of equal codes: walks end inside a group, and places stay unfilled."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from crosshash.index import structures
from crosshash.index.exact import nearest
from crosshash.index.recall import measure
from crosshash.index.structures import KINDS, Kind, build_structure
from tests.index.codes import clustered, groups

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


@pytest.mark.parametrize(("trained", "count"), [(2, 128), (40, 32)])
def test_lists_are_four_times_the_root_of_the_codes(
    trained: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 1,600 codes 4 * 40 = 160, whose logarithm of 7.3 makes 2^7 lists; where each is to be learned from
    40 codes, at most 1,600 / 40 = 40, so 2^5.
    """
    monkeypatch.setattr(structures, "TRAINED", trained)
    codes = clustered(0, 1_600, 16)
    assert build_structure("ivf", codes, np.arange(1_600), seed=0).held.nlist == count


def test_the_seed_draws_the_first_centroids() -> None:
    """Of 1,280 codes, 40 for each of 32 lists, all are learned from: no sample differs."""
    codes = clustered(0, 1_280, 64)
    one, again, other = (
        build_structure("ivf", codes, np.arange(1_280), seed).centroids.packed for seed in (0, 0, 1)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(("items", "part", "tables"), [(3_000, 8, 4), (20, 4, 8), (70_000, 12, 2), (0, 4, 8)])
def test_parts_have_about_sixteen_codes_in_an_entry(items: int, part: int, tables: int) -> None:
    """Of 32 bits: log2(3,000) = 11.6, rounded 12, less 4 makes 8; of 70,000, 16.1 makes 12; 4 at least."""
    codes = np.random.default_rng(0).integers(0, 256, (items, 4), np.uint8)
    held = build_structure("multihash", codes, np.arange(items), seed=0).held
    inner = faiss.downcast_IndexBinary(held.index)
    assert (inner.b, inner.nhash) == (part, tables)
