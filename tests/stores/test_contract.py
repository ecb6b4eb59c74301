"""What every store does, whatever is behind it: a new one is a line in `STORES`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.retrieval.codefiles.codeset import MODALITIES
from crosshash.retrieval.codefiles.item_codes import Head, code_column, codes_of
from crosshash.stores import places
from crosshash.stores.contract import Store
from tests.index.codes import by_loops, clustered
from tests.stores.made_items import NAMES, made_codes, made_items

STORES: dict[tuple[places.Name, str], str] = {
    ("parquet", "flat"): "codes.parquet",
    ("numpy", "flat"): "codes.npz",
    ("faiss", "flat"): "faiss",
    ("usearch", "flat"): "usearch",
    ("lancedb", "flat"): "lance",
    ("pgvector", "flat"): "",
    ("faiss", "ivf"): "faiss",
    ("faiss", "hnsw"): "faiss",
    ("faiss", "multihash"): "faiss",
    ("usearch", "hnsw"): "usearch",
    ("lancedb", "ivf"): "lance",
    ("pgvector", "hnsw"): "",
}
"""Where each lies in a folder of its own; an empty text is a table of the server."""
EXACT = [store for store in STORES if store[1] == "flat"]
PREFIX = {"lancedb": "lance:", "usearch": "usearch:"}
ITEMS = 120
TABLES = count()

Made = Callable[..., Store]


def parameters(stores: list[tuple[places.Name, str]]) -> Any:  # noqa: ANN401
    return pytest.mark.parametrize("which", stores, ids="-".join)


@pytest.fixture
def place(which: tuple[places.Name, str], tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """An address where nothing is yet."""
    if which[0] == "pgvector":
        return f"{request.getfixturevalue('postgres')}#t{next(TABLES)}"
    return str(tmp_path / STORES[which])


def made(which: tuple[places.Name, str], place: str, items: pa.Table, bits: int) -> Store:
    return places.build(which[0], place, items, Head(bits, "abc", "asymmetric", kind=which[1]))


def opened(which: tuple[places.Name, str], place: str) -> Store:
    return places.load(PREFIX.get(which[0], "") + place)


def same_as_loops(store: Store, items: pa.Table, bits: int, keep: Any = None) -> None:  # noqa: ANN401
    """Distances and rows of all answers, ties included, are those of a sort by (distance, row)."""
    queries = made_codes(5, 3, bits)
    rows = items["row"].to_numpy()
    kept = np.ones(len(rows), bool)
    if isinstance(keep, tuple):
        kept = np.array([bool(set(keep) & set(labels or ())) for labels in items["labels"].to_pylist()])
    elif keep is not None:
        kept = np.isin(rows, keep)
    for answers in MODALITIES:
        packed, there = codes_of(items, answers)
        for top in (1, 10, 1000):
            found = store.search(answers, queries, top, keep)
            expected = by_loops(queries, packed[there & kept], rows[there & kept], top)
            assert (found[0].tolist(), found[1].tolist()) == expected


@parameters(EXACT)
@pytest.mark.parametrize("bits", [12, 64, 100])
def test_answers_are_those_of_a_full_sort_ties_included(
    which: tuple[places.Name, str], place: str, bits: int
) -> None:
    items = made_items(ITEMS, bits)
    made(which, place, items, bits).close()
    store = opened(which, place)
    same_as_loops(store, items, bits)
    same_as_loops(store, items, bits, items["row"].to_numpy()[::3])
    same_as_loops(store, items, bits, np.array([10**6]))
    for labels in (("dog",), ("it's", 'a "b"'), NAMES):
        same_as_loops(store, items, bits, labels)
    flat = CodeIndex.build(codes_of(items, "image")[0], items["row"].to_numpy())
    queries = made_codes(5, 3, bits)
    assert np.array_equal(store.search("image", queries, 7), flat.search(queries, 7))
    store.close()


@parameters(EXACT)
def test_real_valued_queries_find_what_a_flat_index_finds(which: tuple[places.Name, str], place: str) -> None:
    items = made_items(ITEMS, 100)
    store = made(which, place, items, 100)
    rows, queries = items["row"].to_numpy(), np.random.default_rng(0).normal(size=(3, 100)).astype(np.float32)
    flat = CodeIndex.build(codes_of(items, "image")[0], rows)
    dogs = np.array(
        [
            row
            for row, labels in zip(rows, items["labels"].to_pylist(), strict=True)
            if "dog" in (labels or ())
        ]
    )
    for keep, same in ((None, None), (rows[::3], rows[::3]), (("dog",), dogs), (np.array([10**6]),) * 2):
        for top in (1, 10, 1000):
            found, expected = (
                store.search_real("image", queries, top, keep),
                flat.search_real(queries, top, same),
            )
            assert np.array_equal(found[0], expected[0])
            assert np.array_equal(found[1], expected[1])
    store.close()


@parameters(list(STORES))
def test_there_and_back_nothing_is_lost(which: tuple[places.Name, str], place: str) -> None:
    """But for captions and pictures in an .npz, and that labels are unknown in an index of this project."""
    items = made_items(ITEMS, 100)
    made(which, place, items, 100).close()
    store = opened(which, place)
    assert replace(store.head, kind="flat") == Head(100, "abc", "asymmetric", ITEMS)
    back, expected = store.items(), items.sort_by("row")
    lost = {"caption", "image"} if which[0] == "numpy" else set()
    for name in set(expected.schema.names) - lost - {"labels"}:
        assert back[name].to_pylist() == expected[name].to_pylist(), name
    labels = [[one and sorted(one) for one in table["labels"].to_pylist()] for table in (back, expected)]
    if which[0] == "faiss":
        labels[1] = [one or [] for one in labels[1]]
    assert labels[0] == labels[1]
    assert store.labels() == sorted(NAMES)
    assert [store.count(modality) for modality in MODALITIES] == [
        len(items) - items[f"{modality}_code"].null_count for modality in MODALITIES
    ]
    some = np.array(expected["row"].to_pylist())[[5, 3, 5, 9]]
    assert store.items(some)["row"].to_pylist() == some.tolist()
    assert store.row_of(f"item {some[0]}") == some[0]
    assert store.row_of("item of nobody") is None
    store.close()


@parameters(list(STORES))
def test_what_is_added_and_removed_is_so_for_who_opens_it_next(
    which: tuple[places.Name, str], place: str
) -> None:
    """New rows lie below the old ones: the order in which items came is not that of the rows."""
    first, more = made_items(ITEMS, 12, first=1000), made_items(40, 12, seed=3)
    store = made(which, place, first, 12)
    store.add(more)
    gone = np.concatenate([first["row"].to_numpy()[:30], more["row"].to_numpy()[:5]])
    store.remove(gone)
    store.save()
    items = pa.concat_tables([first, more])
    items = items.filter(pa.array(~np.isin(items["row"].to_numpy(), gone)))
    for one in (store, opened(which, place)):
        assert one.head.items == len(items)
        assert one.items()["row"].to_pylist() == sorted(items["row"].to_pylist())
        if which in EXACT:
            same_as_loops(one, items, 12)
        one.close()


@parameters(list(STORES))
def test_what_does_not_fit_is_refused_and_changes_nothing(which: tuple[places.Name, str], place: str) -> None:
    items = made_items(ITEMS, 12)
    store = made(which, place, items, 12)
    taken, free = items["row"][0].as_py(), made_items(3, 12, seed=4, first=500)
    twice = free.set_column(0, "row", pa.array([*free["row"].to_pylist()[:2], taken]))
    named = free.set_column(1, "id", pa.array([*free["id"].to_pylist()[:2], f"item {taken}"]))
    pads = free.set_column(7, "image_code", code_column(np.full((3, 2), 255, np.uint8)))
    for strange, message in (
        (twice, str(taken)),
        (named, f"item {taken}"),
        (pads, "bits set after bit 12"),
        (made_items(3, 24, seed=4, first=500), "12 bits"),
        (pa.concat_tables([free, free]), "stands twice"),
    ):
        with pytest.raises(CrosshashError, match=message):
            store.add(strange)
    with pytest.raises(CrosshashError, match="no row 4711"):
        store.remove(np.array([taken, 4711]))
    with pytest.raises(CrosshashError, match="encode the queries with the model"):
        store.search("image", made_codes(0, 1, 24), 3)
    with pytest.raises(CrosshashError, match="top is 0"):
        store.search("image", made_codes(0, 1, 12), 0)
    with pytest.raises(CrosshashError, match="is there already"):
        made(which, place, items, 12)
    store.save()
    store = opened(which, place)
    assert store.items()["row"].to_pylist() == sorted(items["row"].to_pylist())
    store.close()


@parameters(list(STORES))
def test_one_is_written_over_when_that_is_asked_for(which: tuple[places.Name, str], place: str) -> None:
    made(which, place, made_items(ITEMS, 12), 12).close()
    items = made_items(30, 64, seed=8)
    places.build(which[0], place, items, Head(64, kind=which[1]), over=True).close()
    store = opened(which, place)
    assert (store.head.bits, store.items()["row"].to_pylist()) == (64, sorted(items["row"].to_pylist()))
    store.close()


@parameters([store for store in STORES if store not in EXACT])
def test_approximate_kinds_find_nearly_all_and_everything_under_a_filter(
    which: tuple[places.Name, str], place: str
) -> None:
    """2,400 codes around 40 centres: 95 % of the exact first 10 by distance; 2,000 asked for are 2,000."""
    bits, size = 64, 2400
    items = made_items(size, bits).set_column(7, "image_code", code_column(clustered(0, size)))
    store = made(which, place, items, bits)
    rows, queries = items["row"].to_numpy(), clustered(1, 40)
    flat = CodeIndex.build(codes_of(items, "image")[0], rows)
    found, exact = store.search("image", queries, 10)[1], flat.search(queries, 10)[1]
    assert (found <= exact[:, -1:]).mean() >= 0.95
    kept = rows[::7]
    for here, there in zip(
        store.search("image", queries, 30, kept), flat.search(queries, 30, kept), strict=True
    ):
        assert np.array_equal(here, there)
    assert store.search("image", queries[:2], 2000)[0].shape == (2, 2000)
    assert np.array_equal(store.search("image", queries[:2], 9000)[1], flat.search(queries[:2], 9000)[1])
    store.close()


@parameters(list(STORES))
def test_an_empty_store_says_so(which: tuple[places.Name, str], place: str) -> None:
    store = made(which, place, made_items(2, 12).slice(0, 0), 12)
    assert store.labels() == []
    assert len(opened(which, place).items()) == 0
    with pytest.raises(CrosshashError, match="empty"):
        store.search("image", made_codes(0, 1, 12), 3)
    store.close()


@parameters([store for store in STORES if store[0] != "numpy"])  # which holds pairs alone
def test_a_store_of_captions_alone_says_that_it_has_no_pictures(
    which: tuple[places.Name, str], place: str
) -> None:
    """With a filter and without; captions are found."""
    items, query = made_items(30, 12), made_codes(0, 1, 12)
    there = items.filter(items["text_code"].is_valid())
    store = made(which, place, there.set_column(7, "image_code", pa.nulls(len(there), pa.binary(2))), 12)
    real = np.ones((1, 12), np.float32)
    for keep in (None, there["row"].to_numpy()[:3], ("dog",)):
        for search, asked in ((store.search, query), (store.search_real, real)):
            with pytest.raises(CrosshashError, match=r"is empty: no item .* has a code of this kind"):
                search("image", asked, 3, keep)  # type: ignore[operator]
            assert search("text", asked, 3, keep)[0].shape == (1, 3)  # type: ignore[operator]
    store.close()


@parameters(list(STORES))
def test_more_than_any_number_of_items_are_all(which: tuple[places.Name, str], place: str) -> None:
    store = made(which, place, made_items(30, 12), 12)
    for search, asked in ((store.search, made_codes(0, 2, 12)), (store.search_real, np.eye(2, 12))):
        assert np.array_equal(search("image", asked, 10**11), search("image", asked, 30))  # type: ignore[operator]
    store.close()


@parameters(EXACT)
def test_of_two_writers_one_is_refused_or_both_are_there(which: tuple[places.Name, str], place: str) -> None:
    """Both add the same row and one of their own: one comes through, with both its items."""
    made(which, place, made_items(ITEMS, 12), 12).close()
    refused: list[CrosshashError] = []
    ready = threading.Barrier(2)

    def write(own: int) -> None:
        store = opened(which, place)
        added = made_items(2, 12, seed=own).set_column(0, "row", pa.array([5000, own]))
        added = added.set_column(1, "id", pa.array(["both", f"own {own}"]))
        ready.wait()
        try:
            store.add(added)
            store.save()
        except CrosshashError as error:
            refused.append(error)
        finally:
            store.close()

    writers = [threading.Thread(target=write, args=(own,)) for own in (6001, 6002)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(refused) == 1
    store = opened(which, place)
    rows = store.items()["row"].to_pylist()
    assert rows[-2] == 5000
    assert rows[-1] in (6001, 6002)
    assert len(rows) == ITEMS + 2 == store.head.items
    store.close()


@parameters(EXACT)
def test_two_writers_of_other_items_lose_none(which: tuple[places.Name, str], place: str) -> None:
    """Of files the second one is told so; the others hold what both have added, and count it."""
    made(which, place, made_items(ITEMS, 12), 12).close()
    refused: list[CrosshashError] = []
    ready = threading.Barrier(2)

    def write(first: int) -> None:
        store = opened(which, place)
        ready.wait()
        try:
            for part in range(first, first + 5000, 1000):
                store.add(made_items(20, 12, first=part))
            store.save()
        except CrosshashError as error:
            refused.append(error)
        finally:
            store.close()

    writers = [threading.Thread(target=write, args=(first,)) for first in (10_000, 20_000)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(refused) == (0 if which[0] in ("lancedb", "pgvector") else 1)
    store = opened(which, place)
    assert len(store.items()) == store.head.items == ITEMS + 100 * (2 - len(refused))
    store.close()


@parameters(EXACT)
def test_a_filter_of_a_million_rows_is_answered(which: tuple[places.Name, str], place: str) -> None:
    items, query = made_items(ITEMS, 12), made_codes(5, 1, 12)
    store = made(which, place, items, 12)
    packed, rows = codes_of(items, "image")[0], items["row"].to_numpy()
    found = store.search("image", query, 10, np.arange(7, 1_000_007))
    assert found[0].tolist() == by_loops(query, packed[rows >= 7], rows[rows >= 7], 10)[0]
    store.close()
