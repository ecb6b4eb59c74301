"""The same project with its index as that of a large collection: mapped codes, items by row group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crosshash import parquet
from crosshash.artifacts import read_json, write_json
from crosshash.codes.vector_code import VectorCode
from crosshash.collection.collection import add_folder, remove_items
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.index.large.build import build
from crosshash.index.large.large_index import LargeIndex, large_folder
from crosshash.parquet import in_groups, write_parquet
from crosshash.retrieval.codefiles.codeset import MODALITIES
from crosshash.search import Encoded, Searcher
from crosshash.search.folders.index_folder import ITEMS, NUMBERED, STATISTICS
from crosshash.search.item_groups import GroupedItems, NumberedItems, read_items
from crosshash.search.items import read_items_table
from crosshash.search.nearest import by_vectors
from tests.datasets.folders import picture, write_csv

TEXTS = ["a red circle", "two blue stars on white", "a green heart"]


def in_small_groups(path: Path, size: int = 7) -> None:
    table = pq.read_table(path)
    write_parquet(path, table.schema, [table.slice(at, size) for at in range(0, table.num_rows, size)])


def made_large(project: Path) -> Path:
    """Turn the files of a project's index into those of a large collection."""
    index = project / "artifacts" / "index"
    for modality in MODALITIES:
        small = CodeIndex.load(index / f"{modality}.faiss")
        build(large_folder(index, modality), [(small.packed, small.rows)])
        (index / f"{modality}.faiss").unlink()
    in_small_groups(index / ITEMS)
    return project


@pytest.mark.parametrize("distance", ["hamming", "asymmetric"])
@pytest.mark.parametrize("top", [1, 10, 5_000])
def test_searches_answer_as_those_of_a_small_index(
    project: Path, searcher: Searcher, distance: str, top: int
) -> None:
    large = Searcher.open(made_large(project))
    assert isinstance(large.index.codes["image"], LargeIndex)
    assert isinstance(large.index.items, GroupedItems)
    encoded = searcher.encode_texts(TEXTS)
    for task in ("t2i", "t2t"):
        for labels in ((), large.labels[:2]):
            expected = searcher.find(encoded, task, top, labels, distance)  # type: ignore[arg-type]
            assert large.find(encoded, task, top, labels, distance) == expected  # type: ignore[arg-type]


def test_items_pictures_and_labels_are_those_of_a_small_index(project: Path, searcher: Searcher) -> None:
    large = Searcher.open(made_large(project))
    assert large.labels == searcher.labels
    assert large.counts == searcher.counts
    ids = pq.read_table(project / "artifacts/index/items.parquet")["id"].to_pylist()
    for item in (ids[0], ids[8], ids[-1]):
        assert large.item(item) == searcher.item(item)
        assert large.picture(item) == searcher.picture(item)
    assert large.item("stranger") is None
    with pytest.raises(CrosshashError, match=r"no item has the label 'nothing like it'\."):
        large.find(large.encode_texts(TEXTS), "t2i", 3, "nothing like it")


def test_items_are_numbers_where_there_is_no_table(project: Path) -> None:
    index = made_large(project) / "artifacts" / "index"
    count = pq.read_metadata(index / ITEMS).num_rows
    (index / ITEMS).unlink()
    write_json(index / STATISTICS, read_json(index / STATISTICS) | {NUMBERED: count})
    searcher = Searcher.open(project)
    ((hit, *_),) = searcher.find(searcher.encode_texts(TEXTS[:1]), "t2i", 5, distance="hamming")
    rows, distances = searcher.index.codes["image"].search(searcher.encode_texts(TEXTS[:1]).codes, 1)
    assert (hit.id, hit.distance) == (str(rows[0, 0]), distances[0, 0])
    found = searcher.item(hit.id)
    assert found is not None
    assert (found.caption, found.has_picture) == ("", False)
    assert searcher.picture(hit.id) is None
    with pytest.raises(CrosshashError, match="no labels, only numbers"):
        searcher.find(searcher.encode_texts(TEXTS), "t2i", 3, "circle")
    with pytest.raises(CrosshashError, match="are numbers, without a table"):
        remove_items(project, [hit.id])


@pytest.mark.parametrize("item", ["", "-1", "007", "7 ", "1e1", "100", "²", "١", "9" * 5000])
def test_what_is_no_number_of_an_item(item: str) -> None:
    assert NumberedItems(100).row_of(item) is None


def test_a_collection_grows_over_a_large_index(project: Path, tmp_path: Path) -> None:
    made_large(project)
    folder = tmp_path / "new"
    folder.mkdir()
    write_csv(
        folder / "pairs.csv", [("one.png", "a red circle", "circle"), ("", "a caption alone", "circle")]
    )
    picture(7, (40, 30)).save(folder / "one.png")
    before = Searcher.open(project).counts
    change = add_folder(project, folder)
    assert (change.images, change.texts) == (before["image"] + 1, before["text"] + 2)
    grown = Searcher.open(project)
    assert isinstance(grown.index.codes["image"], LargeIndex)
    encoded = grown.encode_pictures([(folder / "one.png").read_bytes()])
    (hits,) = grown.find(encoded, "i2i", 10_000, distance="hamming")
    assert ("one.png", 0) in [(hit.id, hit.distance) for hit in hits]
    assert remove_items(project, ["one.png"]).images == before["image"]
    left = Searcher.open(project)
    assert left.item("one.png") is None
    (hits,) = left.find(left.encode_texts(["anything"]), "t2i", 10_000)
    assert len(hits) == before["image"]


def test_rows_of_ids_in_any_order(tmp_path: Path) -> None:
    ids = [f"i{number:03d}" for number in np.random.default_rng(0).permutation(100)]
    table = pa.table(
        {"id": ids, "row": range(100), "image": [""] * 100, "caption": ids, "labels": [["a"]] * 100}
    )
    write_parquet(tmp_path / ITEMS, table.schema, [table])
    in_small_groups(tmp_path / ITEMS, 9)
    stored, whole = read_items(tmp_path / ITEMS), read_items_table(tmp_path / ITEMS)
    assert isinstance(stored, GroupedItems)
    assert [stored.row_of(item) for item in ids] == list(range(100))
    assert stored.row_of("i100") is None
    rows = np.array([99, 3, 3, 50, 0])
    scores = np.full(5, np.nan, np.float32)
    assert stored.hits(rows, rows.astype(np.int32), scores) == whole.hits(rows, rows.astype(np.int32), scores)
    assert stored.hits(rows[:0], None, scores[:0]) == []
    assert stored.known(50) == whole.known(50)
    assert stored.rows_with("a").tolist() == list(range(100))


def test_a_damaged_table_of_many_row_groups_is_refused(project: Path) -> None:
    path = made_large(project) / "artifacts/index" / ITEMS
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises(CrosshashError, match=r"items.parquet: its checksum differs"):
        Searcher.open(project)


def test_small_tables_stay_one_row_group() -> None:
    table = pa.table({"id": ["a", "b"]})
    assert list(in_groups(table)) == [table]
    many = pa.table({"row": np.arange(parquet.LARGE)})
    groups = list(in_groups(many))
    assert len(groups) == -(-parquet.LARGE // parquet.GROUP)
    assert pa.concat_tables(groups) == many


def test_stored_vectors_are_not_looked_for_among_hash_codes(tmp_path: Path) -> None:
    codes = np.arange(32, dtype=np.uint8).reshape(2, 16)
    index = build(tmp_path / "index", [(codes, np.arange(2))], "flat")
    encoded = Encoded(codes[:1], np.ones((1, 8), np.int8), None)
    with pytest.raises(CrosshashError, match=r"stores vectors \(none\), the index is of hash codes"):
        by_vectors(index, VectorCode("none", 8), encoded, 1, None, None)
