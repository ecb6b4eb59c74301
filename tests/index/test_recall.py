from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import faiss
import numpy as np
import pytest

from crosshash.index import recall as room
from crosshash.index.exact import nearest
from crosshash.index.recall import WANTED, curve, exact_figures, measure, recall, sampled, tuned
from crosshash.index.structures import KINDS, SETTINGS, Kind, build_structure
from tests.index.codes import clustered

CODES, QUERIES = clustered(0, 3_000, centers=20), clustered(1, 50, centers=20)
ROWS = np.arange(3_000) * 2


def test_recall_by_hand() -> None:
    """Exact: rows 1, 2, 3, 4 at 0, 1, 2, 2. Found: 1 at 0, 5 at 2, 6 at 3, nothing: the 4th exact distance is
    2, so rows 1 and 5 count, 2 of 4; by id only row 1, 1 of 4. Of the first 2 exact ones, at 0 and 1, row 1
    is found in the first 2: 1 of 2 either way.
    """
    exact = np.array([[1, 2, 3, 4]]), np.array([[0, 1, 2, 2]], np.int32)
    found = np.array([[1, 5, 6, -1]]), np.array([[0, 2, 3, 2**31 - 1]], np.int32)
    assert recall(found, exact, 4) == {"recall@4": 0.5, "recall@4[id]": 0.25}
    assert recall(found, exact, 2) == {"recall@2": 0.5, "recall@2[id]": 0.5}
    assert recall(exact, exact, 100) == {"recall@100": 1.0, "recall@100[id]": 1.0}
    nothing = np.full((1, 4), -1), np.full((1, 4), 0, np.int32)
    assert recall(nothing, exact, 4) == {"recall@4": 0.0, "recall@4[id]": 0.0}


@pytest.mark.parametrize("kind", KINDS)
def test_more_work_finds_more(kind: Kind) -> None:
    exact = nearest(QUERIES, CODES, ROWS, 100)
    points = curve(build_structure(kind, CODES, ROWS, seed=0), QUERIES, exact)
    compared = [one.compared for one in points]
    found = [one.recalls["recall@100"] for one in points]
    assert len(points) > 1
    assert max(one.compared for one in points[:-1]) <= 1 / 2
    last = points[-1]
    assert last.compared > 1 / 2 or len(points) == len(SETTINGS[kind]) or set(last.recalls.values()) == {1.0}
    assert compared == sorted(compared)
    assert found == sorted(found)
    assert found[0] < found[-1]
    assert found[-1] > 0.95
    assert all(
        one.recalls[f"recall@{k}[id]"] <= one.recalls[f"recall@{k}"] for one in points for k in (10, 100)
    )
    again = curve(build_structure(kind, CODES, ROWS, seed=0), QUERIES, exact)
    assert [(one.setting, one.recalls, one.compared) for one in again] == [
        (one.setting, one.recalls, one.compared) for one in points
    ]


def test_share_compared_is_that_of_the_lists_searched() -> None:
    """One list: the codes of the nearest centroid's, beside the centroids themselves."""
    structure = build_structure("ivf", CODES, ROWS, seed=0)
    lists = structure.held
    structure.tune(1)
    _, compared = structure.compared(QUERIES, 10)
    nearest_lists = lists.quantizer.search(QUERIES, 1)[1].ravel().tolist()
    sizes = [lists.get_list_size(number) for number in nearest_lists]
    assert compared == pytest.approx((np.mean(sizes) + lists.nlist) / 3_000, abs=1e-12)


@pytest.mark.parametrize(("kind", "counts"), [("hnsw", "hnsw_stats"), ("multihash", "indexBinaryHash_stats")])
def test_without_centroids_the_share_is_what_faiss_counts(kind: Kind, counts: str) -> None:
    _, compared = build_structure(kind, CODES, ROWS, seed=0).compared(QUERIES, 10)
    assert compared == pytest.approx(getattr(faiss.cvar, counts).ndis / 50 / 3_000, abs=1e-12)


def test_the_least_work_that_finds_enough_is_chosen() -> None:
    structure, remark = tuned("ivf", CODES, ROWS, QUERIES, seed=0)
    assert structure is not None
    assert remark == ""
    chosen, exact = structure.setting, nearest(QUERIES, CODES, ROWS, 100)
    assert chosen > 1
    for setting, enough in ((chosen, True), (chosen // 2, False)):
        (figures,) = measure(structure, QUERIES, exact, [setting])
        worst = min(figures.recalls["recall@10"], figures.recalls["recall@100"])
        assert (worst >= WANTED) == enough


def test_as_many_items_as_a_kind_starts_at_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "FEWEST", 3_000)
    assert tuned("ivf", CODES, ROWS, QUERIES, seed=0)[0] is not None
    structure, remark = tuned("ivf", CODES[1:], ROWS[1:], QUERIES, seed=0)
    assert structure is None
    assert remark == "2999 items are too few for ivf, which starts at 3000; searched exactly"


def test_exact_figures_are_ones() -> None:
    figures, exact = exact_figures(QUERIES, CODES, ROWS)
    assert figures.recalls == {f"recall@{depth}{by}": 1.0 for depth in (10, 100) for by in ("", "[id]")}
    assert (figures.kind, figures.setting, figures.compared) == ("flat", None, 1.0)
    assert figures.seconds > 0
    expected = nearest(QUERIES, CODES, ROWS, 100)
    assert np.array_equal(exact[0], expected[0])
    assert np.array_equal(exact[1], expected[1])


def test_queries_are_drawn_without_repetition_and_by_the_seed() -> None:
    codes = np.arange(600, dtype=np.uint16).view(np.uint8).reshape(600, 2)
    first = sampled(codes, 0)
    assert first.shape == (256, 2)
    assert len(np.unique(first, axis=0)) == 256
    assert np.array_equal(first, sampled(codes, 0))
    assert not np.array_equal(first, sampled(codes, 1))
    assert np.array_equal(sampled(codes[:9], 0), codes[:9])


def test_a_curve_ends_where_all_is_found() -> None:
    """Codes find themselves in the first list that is looked at."""
    queries = np.unique(CODES, axis=0)[:20]
    (figures,) = curve(build_structure("ivf", CODES, ROWS, seed=0), queries, nearest(queries, CODES, ROWS, 1))
    assert figures.setting == 1
    assert set(figures.recalls.values()) == {1.0}


def test_work_is_chosen_by_the_queries_that_are_given() -> None:
    """Queries without neighbourhoods want more than is worth it; the codes themselves do not."""
    uniform = np.random.default_rng(0).integers(0, 256, (60, 8), np.uint8)
    found, remark = tuned("ivf", CODES, ROWS, uniform, seed=0)
    assert found is None
    assert "does not find 97%" in remark
    for queries in (None, CODES[:0]):
        structure, _ = tuned("ivf", CODES, ROWS, queries, seed=0)
        assert structure is not None


def test_the_time_is_that_of_one_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by 1 each time it is read: 1 second for 50 queries, 0.02 for each."""
    monkeypatch.setattr(room, "time", SimpleNamespace(perf_counter=count(7).__next__))
    figures, exact = exact_figures(QUERIES, CODES, ROWS)
    assert figures.seconds == 1 / 50
    (measured,) = measure(build_structure("multihash", CODES, ROWS, seed=0), QUERIES, exact, [0])
    assert measured.seconds == 1 / 50


def test_what_finds_as_much_as_is_wanted_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than all cannot be found; all lists find all."""
    monkeypatch.setattr(room, "WANTED", 1.0)
    monkeypatch.setattr(room, "MOST", 2.0)
    structure, _ = tuned("ivf", CODES, ROWS, QUERIES, seed=0)
    assert structure is not None
    assert structure.setting > 1


def test_the_seed_draws_the_queries_that_work_is_chosen_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 20, half of them codes, half far from all; tables of parts of codes are not drawn themselves."""
    monkeypatch.setattr(room, "SAMPLE", 1)
    far = np.random.default_rng(0).integers(0, 256, (10, 8), np.uint8)
    queries = np.concatenate([CODES[:10], far])
    found = [tuned("multihash", CODES, ROWS, queries, seed)[0] is None for seed in range(12)]
    assert set(found) == {True, False}
