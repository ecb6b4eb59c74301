"""Stores that are not what they were, or of other programs: refused by name, never half an answer."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import psycopg
import pyarrow as pa
import pytest
from usearch.index import Index

from crosshash.artifacts import write_json
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.retrieval.codefiles.item_codes import Head, code_column, codes_of, write_items
from crosshash.stores import lance, pgvector, places, usearch_folder
from crosshash.stores.contract import StoreError
from crosshash.stores.in_memory import InMemory
from tests.index.codes import by_loops
from tests.stores.made_items import made_codes, made_items

BITS = 16
ITEMS = made_items(200, BITS)
QUERY = made_codes(5, 1, BITS)
HEAD = Head(BITS, "abc")


def refused(address: str, match: str) -> None:
    with pytest.raises(CrosshashError, match=match):
        places.load(address)


@pytest.fixture
def table(postgres: str, request: pytest.FixtureRequest) -> str:
    """The name of a table that no other test uses."""
    return f"bad_{abs(hash(request.node.name))}"


def test_nothing_there(tmp_path: Path, postgres: str) -> None:
    for address in ("lance:{}/none", "usearch:{}/none", "{}/none.parquet", "{}/none.npz"):
        refused(address.format(tmp_path), "not found. Give the address of a store that is there")
    refused(f"faiss:{tmp_path / 'none'}", "not found")
    refused(str(tmp_path / "none"), "is no store")
    refused(str(tmp_path), "is no store")  # as a folder of another store without its prefix
    refused(f"{postgres}#nobody", "there is no such table")
    refused("postgresql://user:secret@127.0.0.1:1/db", r"postgresql://127.0.0.1/db#crosshash: .*not there")


def test_a_password_is_never_told(tmp_path: Path) -> None:
    for address in ("postgresql://user:secret@127.0.0.1:1/db", "postgresql://user:secret@/db?nonsense=1"):
        with pytest.raises(CrosshashError) as error:
            places.load(address)
        assert "secret" not in str(error.value)
        assert "secret" not in repr(error.value.__cause__)


def test_tables_of_others(tmp_path: Path, postgres: str, table: str) -> None:
    lancedb.connect(tmp_path / "lance").create_table("crosshash", pa.table({"a": [1]}))
    write_json(tmp_path / "lance" / "crosshash.json", {"head": replace(HEAD, items=1).text()})
    refused(f"lance:{tmp_path / 'lance'}", "other columns")
    with psycopg.connect(postgres) as connection:
        connection.execute(f"CREATE TABLE {table} (a int)")
    refused(f"{postgres}#{table}", "holds no codes of this version")
    with pytest.raises(CrosshashError, match="is there already"):
        places.build("pgvector", f"{postgres}#{table}", ITEMS, HEAD)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").touch()
    for name in ("faiss", "usearch", "parquet"):
        with pytest.raises(CrosshashError, match="folder of something else"):
            places.build(name, str(tmp_path / "photos"), ITEMS, HEAD, over=True)  # type: ignore[arg-type]
    assert (tmp_path / "photos" / "1.jpg").exists()


def test_another_length(tmp_path: Path, postgres: str, table: str) -> None:
    write_items(tmp_path / "codes.parquet", ITEMS, replace(HEAD, bits=24, items=200))
    refused(str(tmp_path / "codes.parquet"), "24 bits in 3 bytes")
    places.build("lancedb", str(tmp_path / "lance"), ITEMS, HEAD)
    write_json(tmp_path / "lance" / "crosshash.json", {"head": replace(HEAD, bits=24, items=200).text()})
    refused(f"lance:{tmp_path / 'lance'}", "another length")
    places.build("pgvector", f"{postgres}#{table}", ITEMS, HEAD).close()
    with psycopg.connect(postgres) as connection:
        connection.execute(f"ALTER TABLE {table} ALTER text_code TYPE bit(24) USING text_code::bit(24)")
    refused(f"{postgres}#{table}", r"text_code is bit\(24\), its head says bit\(16\)")
    places.build("usearch", str(tmp_path / "usearch"), ITEMS, HEAD)
    other = Index(ndim=24, dtype="b1", metric="hamming")
    other.add(np.arange(3, dtype=np.uint64), np.zeros((3, 3), np.uint8))
    other.save(str(tmp_path / "usearch" / "text.usearch"))
    refused(f"usearch:{tmp_path / 'usearch'}", "another length")


def test_another_distance(tmp_path: Path, postgres: str, table: str) -> None:
    """PostgreSQL's index of another distance is left alone, so that answers stay exact."""
    places.build("usearch", str(tmp_path / "usearch"), ITEMS, HEAD)
    other = Index(ndim=BITS, dtype="b1", metric="tanimoto")
    other.add(ITEMS["row"].to_numpy().astype(np.uint64), codes_of(ITEMS, "image")[0])
    other.save(str(tmp_path / "usearch" / "image.usearch"))
    refused(f"usearch:{tmp_path / 'usearch'}", "not by Hamming distance")
    store = pgvector.build(f"{postgres}#{table}", ITEMS, HEAD)
    expected = store.search("image", QUERY, 10)
    with psycopg.connect(postgres) as connection:
        for code in ("image_code", "text_code"):
            connection.execute(f"CREATE INDEX ON {table} USING hnsw ({code} bit_jaccard_ops)")
    store.close()
    store = pgvector.load(f"{postgres}#{table}")
    assert store.head.kind == "flat"
    assert np.array_equal(store.search("image", QUERY, 10), expected)
    store.close()


def test_half_the_items(tmp_path: Path, postgres: str, table: str) -> None:
    pgvector.build(f"{postgres}#{table}", ITEMS, HEAD).close()
    with psycopg.connect(postgres) as connection:
        connection.execute(f"DELETE FROM {table} WHERE row < 200")  # noqa: S608
    refused(f"{postgres}#{table}", "its head names 200")
    lance.build(str(tmp_path / "lance"), ITEMS, HEAD).table.delete("row < 200")
    refused(f"lance:{tmp_path / 'lance'}", "its head names 200")
    for name in ("usearch", "faiss"):
        for count, folder in ((200, "whole"), (100, "half")):
            places.build(name, str(tmp_path / name / folder), ITEMS.sort_by("row").slice(0, count), HEAD)  # type: ignore[arg-type]
        shutil.copy(tmp_path / name / "half" / f"image.{name}", tmp_path / name / "whole")
    refused(f"usearch:{tmp_path / 'usearch' / 'whole'}", "other items than")
    refused(f"faiss:{tmp_path / 'faiss' / 'whole'}", "image: holds 100 items, its head names 200")
    write_items(tmp_path / "half.parquet", ITEMS.slice(0, 100), replace(HEAD, items=200))
    refused(str(tmp_path / "half.parquet"), "its head names 200")
    content = (tmp_path / "half.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(content[: len(content) // 2])
    refused(str(tmp_path / "cut.parquet"), "cannot be read as parquet")
    (tmp_path / "usearch" / "half" / "text.usearch").write_bytes(b"usearch" * 4)
    refused(f"usearch:{tmp_path / 'usearch' / 'half'}", "text.usearch")


def test_a_store_that_goes_away_is_told_as_that(tmp_path: Path, postgres: str, table: str) -> None:
    there = lance.build(str(tmp_path / "lance"), ITEMS, HEAD)
    shutil.rmtree(tmp_path / "lance" / "crosshash.lance")
    store = pgvector.build(f"{postgres}#{table}", ITEMS, HEAD)
    with psycopg.connect(postgres) as connection:
        connection.execute(f"DROP TABLE {table}")
    for one in (there, store):
        for ask in (lambda one=one: one.search("image", QUERY, 3), one.labels, one.items):
            with pytest.raises(StoreError):
                ask()
    store.close()


def test_a_connection_that_is_cut_is_made_anew(postgres: str, table: str) -> None:
    store = pgvector.build(f"{postgres}#{table}", ITEMS, HEAD)
    expected = store.search("image", QUERY, 10)
    with psycopg.connect(postgres) as connection:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crosshash'"
        assert connection.execute(cut).rowcount >= 1
    assert np.array_equal(store.search("image", QUERY, 10), expected)
    store.close()


def test_rows_that_went_while_they_were_looked_up_are_told(tmp_path: Path) -> None:
    store = lance.build(str(tmp_path / "lance"), ITEMS, HEAD)
    with pytest.raises(StoreError, match="have been removed"):
        store.items(np.array([ITEMS["row"][0].as_py(), 987654]))


def test_a_word_that_postgres_cannot_hold_is_refused_and_nothing_is_left(postgres: str, table: str) -> None:
    captions = pa.array(["\0", *ITEMS["caption"].to_pylist()[1:]])
    with pytest.raises(StoreError):
        pgvector.build(f"{postgres}#{table}", ITEMS.set_column(3, "caption", captions), HEAD)
    refused(f"{postgres}#{table}", "there is no such table")


def test_an_unknown_kind_names_those_there_are(tmp_path: Path, postgres: str) -> None:
    for name, place in (
        ("lancedb", tmp_path / "a"),
        ("pgvector", f"{postgres}#a"),
        ("numpy", tmp_path / "a.npz"),
    ):
        with pytest.raises(CrosshashError, match="has no kind 'annoy', but flat"):
            places.build(name, str(place), ITEMS, replace(HEAD, kind="annoy"))  # type: ignore[arg-type]


def test_pgvector_alone_gives_some_40_of_100_and_the_store_all(postgres: str, table: str) -> None:
    """hnsw ends after ef_search = 40 nodes, each of up to ten equal codes (pgvector 0.8.5): far below 100."""
    codes = np.concatenate(
        [np.repeat(made_codes(1, 1, 64), 1000, axis=0), made_codes(2, 1000, 64, groups=900)]
    )
    items = made_items(2000, 64)
    items = items.set_column(7, "image_code", code_column(codes))
    store = pgvector.build(f"{postgres}#{table}", items, Head(64, kind="hnsw"))
    bits = "".join(map(str, np.unpackbits(codes[1500])))
    with psycopg.connect(postgres) as connection:
        connection.execute("SET enable_seqscan = off")
        text = f"SELECT row FROM {table} ORDER BY image_code <~> B'{bits}' LIMIT 100"  # noqa: S608
        assert 40 <= len(connection.execute(text).fetchall()) < 60
    rows = items["row"].to_numpy()
    flat = CodeIndex.build(codes, rows)
    for query, top in ((codes[1500:1501], 100), (codes[:1], 500), (codes[:1], 1999)):
        found = store.search("image", query, top)
        assert found[0].shape == (1, top)
        assert np.array_equal(found[1], flat.search(query, top)[1])
    store.close()


def test_an_exact_search_stays_exact_where_the_planner_prefers_the_index(postgres: str, table: str) -> None:
    """Ordered by the plain distance, then the row, it would sort what the graph gives: 40 of 2,000 items."""
    items = made_items(2000, 64)
    rows, packed = items["row"].to_numpy(), codes_of(items, "image")[0]
    pgvector.build(f"{postgres}#{table}", items, Head(64, kind="hnsw")).close()
    store = pgvector.load(f"{postgres}&options=-c%20enable_seqscan%3Doff#{table}")
    assert store.head.kind == "hnsw"
    query = made_codes(5, 1, 64)
    found, expected = (
        store.search("image", query, 300, rows),
        CodeIndex.build(packed, rows).search(query, 300),
    )
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])
    store.close()


def test_lancedb_alone_leaves_its_upper_bound_out_and_cuts_ties_by_place(tmp_path: Path) -> None:
    """Codes 0, 1 and 3 lie 0, 1 and 2 from code 0: below a bound of 1 there is one."""
    codes = np.array([[3, 0], [1, 0], [0, 0]], np.uint8)
    items = made_items(3, BITS).set_column(7, "image_code", code_column(codes))
    store = lance.build(str(tmp_path / "lance"), items, HEAD)
    asked = store.table.search(np.zeros(2, np.uint8), vector_column_name="image_code", query_type="vector")
    assert asked.distance_type("hamming").distance_range(None, 1.0).to_arrow()["_distance"].to_pylist() == [
        0.0
    ]
    assert store.search("image", np.zeros((1, 2), np.uint8), 3)[1].tolist() == [[0, 1, 2]]


def test_usearch_alone_fills_up_with_no_number_and_the_store_does_not(tmp_path: Path) -> None:
    store = usearch_folder.build(str(tmp_path / "u"), ITEMS, HEAD)
    index: Any = store.indexes["image"]
    assert np.isnan(index.held.search(np.repeat(QUERY, 2, axis=0), 300, exact=True).distances[:, 200:]).all()
    rows, packed = ITEMS["row"].to_numpy(), codes_of(ITEMS, "image")[0]
    assert store.search("image", QUERY, 300)[0].tolist() == by_loops(QUERY, packed, rows, 300)[0]


def test_files_of_memory_know_their_head_after_a_change(tmp_path: Path) -> None:
    place = str(tmp_path / "codes.parquet")
    store = places.build("parquet", place, ITEMS, HEAD)
    assert isinstance(store, InMemory)
    other = places.load(place)
    store.remove(ITEMS["row"].to_numpy()[:1])
    store.save()
    store.save()
    other.remove(ITEMS["row"].to_numpy()[1:2])
    with pytest.raises(CrosshashError, match="another has written it meanwhile"):
        other.save()
    assert places.load(place).head.items == 199
