from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosshash.codes.hashcodes import unpack
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.retrieval.codefiles.item_codes import Head, code_column, codes_of
from crosshash.stores import parquet_file, reordered
from crosshash.stores.in_memory import InMemory
from tests.stores.made_items import made_codes, made_items


def store_of(count: int, bits: int, seed: int) -> InMemory:
    """Codes that are nearly all different."""
    items = made_items(count, bits, seed)
    codes = code_column(made_codes(seed, count, bits, groups=2 * count))
    return parquet_file.build("nowhere.parquet", items.set_column(7, "image_code", codes), Head(bits))


def searched(
    store: InMemory, query: np.ndarray, top: int, keep: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates by a flat index, their codes from the table."""

    def candidates(code: np.ndarray, wanted: int) -> reordered.Candidates:
        (rows,), (distances,) = store.search("image", code[None], wanted, keep)
        return rows, distances, codes_of(store.items(rows), "image")[0]

    return reordered.reordered(candidates, store.head.bits, query, top)


def by_loops(store: InMemory, query: np.ndarray, top: int) -> tuple[list[int], list[float]]:
    """All items, by falling inner product, then row."""
    packed, _ = codes_of(store.table, "image")
    scores = [float(np.dot(signs, query)) for signs in unpack(packed, store.head.bits).astype(np.float64)]
    pairs = sorted(
        zip(scores, store.table["row"].to_pylist(), strict=True), key=lambda one: (-one[0], one[1])
    )
    return [row for _, row in pairs[:top]], [score for score, _ in pairs[:top]]


@given(seed=st.integers(0, 2**20), bits=st.sampled_from([12, 16, 32, 100]), top=st.sampled_from([1, 7, 30]))
def test_while_more_may_be_taken_the_answer_is_that_of_all_items(seed: int, bits: int, top: int) -> None:
    """300 items, candidates from 8 on: what stops early has proved that nothing else is among the best."""
    store = store_of(300, bits, seed)
    query = np.random.default_rng(seed).integers(-63, 64, bits).astype(np.float32)
    query[0] = 5  # not all zeros
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reordered, "FIRST", 8)
        patched.setattr(reordered, "EACH", 1)
        rows, scores = searched(store, query[None], top)
    assert (rows[0].tolist(), scores[0].tolist()) == by_loops(store, query, top)


def test_the_proof_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Query (4, 3, 1, 1), signs all +1, |q| 9. Codes 1111, 1110, 0111 at distances 0, 1, 1 score 9, 7 and 1.

    With 2 candidates, the farther at distance 1, no other item can score more than 9 - 2 x 1 = 7: the best
    one, 9, is proved; two are not, since another might score 7 as well. So 4 are asked for, of which there
    are 3: all.
    """
    codes = np.packbits(np.array([[1, 1, 1, 1], [1, 1, 1, 0], [0, 1, 1, 1]]), axis=1)
    items = made_items(3, 4).set_column(7, "image_code", code_column(codes))
    store = parquet_file.build("nowhere.parquet", items, Head(4))
    asked, found = [], store.search

    def search(answers, queries, top, keep=None):  # noqa: ANN001, ANN202
        asked.append(top)
        return found(answers, queries, top, keep)

    monkeypatch.setattr(store, "search", search)
    for name, value in (("FIRST", 2), ("EACH", 1), ("TIMES", 2)):
        monkeypatch.setattr(reordered, name, value)
    query = np.array([[4, 3, 1, 1]], np.float32)
    assert searched(store, query, 1)[1].tolist() == [[9.0]]
    assert asked == [2]
    assert searched(store, query, 2)[1].tolist() == [[9.0, 7.0]]
    assert asked == [2, 2, 4]


def test_the_last_candidates_are_the_answer_where_more_may_not_be_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A query whose bound proves nothing: of 20 candidates, some of the best 10 are missed."""
    store = store_of(2000, 32, 1)
    query = np.random.default_rng(0).normal(size=(1, 32)).astype(np.float32)
    monkeypatch.setattr(reordered, "FIRST", 20)
    monkeypatch.setattr(reordered, "MOST", 20)
    rows, scores = searched(store, query, 10)
    packed, _ = codes_of(store.table, "image")
    exact = CodeIndex.build(packed, store.table["row"].to_numpy()).search_real(query, 10)
    assert rows.shape == (1, 10)
    assert (np.diff(scores[0]) <= 0).all()
    assert scores[0, 0] <= exact[1][0, 0]
    assert set(scores[0]) - set(exact[1][0])


def test_filters_and_ties_go_by_the_row() -> None:
    store = store_of(200, 16, 3)
    query = np.ones((1, 16), np.float32)
    keep = store.table["row"].to_numpy()[::4]
    rows, scores = searched(store, query, 40, keep)
    assert np.isin(rows, keep).all()
    order = np.lexsort((rows[0], -scores[0]))
    assert order.tolist() == list(range(40))


@pytest.mark.parametrize(
    "query", [np.ones((1, 12), np.float32), np.ones((1, 16), np.int8), np.zeros((1, 16), np.float32)]
)
def test_other_queries_are_refused(query: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"float\[Q, 16\]|all zeros"):
        searched(store_of(20, 16, 0), query, 3)
