from __future__ import annotations

import numpy as np
import pytest

from crosshash.index import comparison, recall
from crosshash.index.code_index import CodeIndex
from crosshash.index.comparison import compare_kinds
from crosshash.index.structures import build_structure
from tests.index.codes import clustered

CODES, QUERIES = clustered(0, 3_000, centers=20), clustered(1, 50, centers=20)


def test_the_index_comes_first_then_every_kind() -> None:
    index = CodeIndex.build(CODES, np.arange(3_000), "ivf", QUERIES)
    assert index.structure is not None
    setting = index.structure.setting
    own, *others = compare_kinds(index, QUERIES, seed=0)
    assert (own.kind, own.setting) == ("ivf", setting)
    assert min(own.recalls["recall@10"], own.recalls["recall@100"]) >= 0.95
    assert list(dict.fromkeys(one.kind for one in others)) == ["ivf", "hnsw", "multihash"]
    assert index.structure.setting == setting


def test_of_many_codes_the_kinds_see_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares are of the sample then: a graph of 100 items is walked nearly whole, one of 3,000 is not."""
    monkeypatch.setattr(comparison, "MOST_ITEMS", 100)
    index = CodeIndex.build(CODES, np.arange(3_000))
    own, *others = compare_kinds(index, QUERIES, seed=0)
    assert (own.kind, own.compared) == ("flat", 1.0)
    assert min(one.compared for one in others if one.kind == "hnsw") > 0.6
    again, other = (
        [one.compared for one in compare_kinds(index, QUERIES, seed) if one.kind == "multihash"]
        for seed in (0, 1)
    )  # its tables are not drawn, so it is the sample that differs
    assert again == [one.compared for one in others if one.kind == "multihash"]
    assert again != other


def test_as_many_codes_as_a_kind_starts_at_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    index = CodeIndex.build(CODES, np.arange(3_000))
    monkeypatch.setattr(comparison, "FEWEST", 3_000)
    assert len(compare_kinds(index, QUERIES, seed=0)) > 1
    monkeypatch.setattr(comparison, "FEWEST", 3_001)
    assert len(compare_kinds(index, QUERIES, seed=0)) == 1


def test_the_seed_draws_the_lists() -> None:
    index = CodeIndex.build(CODES, np.arange(3_000))
    shares = [[one.compared for one in compare_kinds(index, QUERIES, seed)] for seed in (0, 0, 1)]
    assert shares[0] == shares[1] != shares[2]


def test_what_is_too_small_or_empty_is_not_compared() -> None:
    few = CodeIndex.build(CODES[:30], np.arange(30))
    assert [one.kind for one in compare_kinds(few, QUERIES, seed=0)] == ["flat"]
    assert compare_kinds(few, QUERIES[:0], seed=0) == []
    assert compare_kinds(CodeIndex.build(CODES[:0], np.arange(0)), QUERIES, seed=0) == []


def test_the_seed_draws_the_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "FEWEST", 3_001)
    monkeypatch.setattr(recall, "SAMPLE", 5)
    index = CodeIndex(CODES, np.arange(3_000), build_structure("ivf", CODES, np.arange(3_000), seed=0))
    shares = [compare_kinds(index, QUERIES, seed)[0].compared for seed in (0, 0, 1)]
    assert shares[0] == shares[1] != shares[2]
