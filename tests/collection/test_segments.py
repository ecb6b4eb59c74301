"""Changes beside the files of an index: answers are those of files written anew; little is written."""

from __future__ import annotations

import os
import resource
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosshash.codes.real_codes import Distance
from crosshash.collection import grown_index
from crosshash.collection.additions import Addition
from crosshash.collection.collection import add_items, remove_items
from crosshash.collection.grown_index import write_whole
from crosshash.errors import CrosshashError
from crosshash.export import bundle
from crosshash.index.code_index import CodeIndex
from crosshash.index.large.build import build
from crosshash.index.large.grown import GrownLarge
from crosshash.index.large.large_index import LargeIndex
from crosshash.retrieval.codefiles.segments import segment_paths
from crosshash.search import Searcher
from crosshash.search.encoder import Encoded
from crosshash.search.folders.index_folder import read_index, read_index_files
from crosshash.search.trained import TrainedEncoder, load_encoder
from crosshash.stores import places
from tests.search.conftest import own_copy
from tests.search.test_large_collections import in_small_groups, made_large

DISTANCES: tuple[Distance | None, ...] = ("hamming", "asymmetric", None)
WORDS = ("red", "blue", "cat", "dog", "owl", "small", "big", "tree")


@pytest.fixture
def vectors(of_vectors: Path, tmp_path: Path) -> Path:
    return own_copy(of_vectors, tmp_path / "vectors")


@pytest.fixture(scope="module")
def encoder(of_vectors: Path) -> TrainedEncoder:
    return load_encoder(of_vectors)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small a collection is, its changes lie beside its files."""
    monkeypatch.setattr(grown_index, "SMALL", 0)
    monkeypatch.setattr(grown_index, "MOST", 1e9)


def item(name: str, *captions: str, labels: tuple[str, ...] = ()) -> Addition:
    return Addition(name, None, captions, labels)


def written_anew(project: Path, encoder: TrainedEncoder, target: Path) -> Path:
    """A copy of the collection without segments."""
    found = read_index(project, project / "collection/index", encoder.description, mapped=False)
    write_whole(target, found)
    assert not segment_paths(target / "index")
    return target


def answers(searcher: Searcher, encoded: Encoded) -> list[Any]:
    """All that a search can be asked for texts, with few and with more items than there are."""
    labels = searcher.labels
    asked = product(("t2i", "t2t"), (1, 7, 1000), ((), labels[:1], labels[-2:]), DISTANCES)
    return [labels, searcher.counts, *(searcher.find(encoded, *one) for one in asked)]


@pytest.mark.parametrize("large", [False, True])
def test_answers_are_those_of_an_index_written_anew_ties_included(
    vectors: Path, encoder: TrainedEncoder, tmp_path: Path, apart: None, large: bool
) -> None:
    """Random changes; captions of few words give many equal codes. The ids are those of a plain dict."""
    if large:
        made_large(vectors)
    generator = np.random.default_rng(7)
    start = Searcher.over(encoder, vectors).files.items.whole().table.to_pylist()
    kept = {row["id"]: tuple(row["labels"]) for row in start}
    for turn in range(5):
        if turn % 2:
            gone = generator.choice(sorted(kept), size=6, replace=False).tolist()
            remove_items(vectors, gone, encoder=encoder)
            kept = {name: labels for name, labels in kept.items() if name not in gone}
        names = [f"n{number}" for number in generator.choice(12, size=5, replace=False)]
        new = [
            item(name, " ".join(generator.choice(WORDS, 2)), labels=(f"label {turn % 3}", "new"))
            for name in [*names, str(generator.choice(sorted(kept)))]
        ]
        add_items(vectors, new, encoder=encoder)
        kept |= {one.id: one.labels for one in new}
    index = vectors / "collection/index"
    assert segment_paths(index)
    searcher = Searcher.over(encoder, vectors)
    anew = Searcher.over(encoder, vectors, written_anew(vectors, encoder, tmp_path / "anew"))
    assert isinstance(searcher.index.codes["text"], GrownLarge if large else CodeIndex)
    assert isinstance(anew.index.codes["text"], LargeIndex if large else CodeIndex)
    encoded = encoder.texts(["red cat", "owl", "a big blue dog", "tree"])
    assert answers(searcher, encoded) == answers(anew, encoded)
    ids = {row["id"] for row in searcher.files.items.whole().table.to_pylist() if row["id"]}
    assert ids == set(kept)
    for name in [*kept, "n0", "n11", "stranger", start[0]["id"], start[-1]["id"]]:
        assert searcher.item(name) == anew.item(name)
        found = searcher.item(name)
        assert (found.labels if found else None) == kept.get(name)
    rows = np.arange(len(searcher.files.items))
    for modality in ("image", "text"):
        one, other = searcher.index.codes[modality], anew.index.codes[modality]  # type: ignore[index]
        if large:
            assert np.array_equal(one.known(rows), other.known(rows))  # type: ignore[union-attr]


def test_a_store_of_the_folder_has_the_changes_too(
    vectors: Path, encoder: TrainedEncoder, tmp_path: Path, apart: None
) -> None:
    add_items(vectors, [item("a", "red cat"), item("b", "owl")], encoder=encoder)
    add_items(vectors, [item("c", "blue dog")], encoder=encoder)
    remove_items(vectors, ["a"], encoder=encoder)
    anew = written_anew(vectors, encoder, tmp_path / "anew")
    found, other = (
        places.load(f"faiss:{place / 'index'}").items() for place in (vectors / "collection", anew)
    )
    assert found.select(["id", "text_code"]).to_pylist() == other.select(["id", "text_code"]).to_pylist()
    assert set(found["id"].to_pylist()) >= {"b", "c"}


def test_a_bundle_has_the_changes_too(
    vectors: Path, encoder: TrainedEncoder, tmp_path: Path, apart: None
) -> None:
    add_items(vectors, [item("a", "red cat")], encoder=encoder)
    add_items(vectors, [item("b", "red cat")], encoder=encoder)
    remove_items(vectors, ["a"], encoder=encoder)
    searcher = Searcher.over(encoder, vectors)
    bundle._write_index(tmp_path, searcher, None)
    found = read_index_files(tmp_path / "index", "set", lambda: None)
    assert len(found.codes["text"]) == searcher.counts["text"] == found.statistics["text"]["items"]
    rows, _ = found.codes["text"].search(encoder.texts(["red cat"]).codes, 1000)
    assert found.items.row_of("b") in rows
    assert found.items.row_of("a") is None


def test_items_that_come_one_by_one_write_little_and_lie_in_few_segments(
    vectors: Path, encoder: TrainedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five single items after the first are 4 + 1, as 5 is 101 in binary; the index's own files stay."""
    add_items(vectors, [item("first", "red")], encoder=encoder)
    index = vectors / "collection/index"
    own = {path: path.stat() for path in index.glob("*.*")}
    monkeypatch.setattr(grown_index, "SMALL", 0)
    for number in range(5):
        add_items(vectors, [item(f"n{number}", "blue cat")], encoder=encoder)
    assert [path.name for path in segment_paths(index)] == [
        "00000001-00000004.parquet",
        "00000005-00000005.parquet",
    ]
    assert [path.name for path in sorted((index / "segments").iterdir())] == [
        "00000001-00000004.parquet", "00000005-00000005.parquet",
    ]  # fmt: skip
    for path, before in own.items():
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert all(path.stat().st_size < 10_000 for path in segment_paths(index))
    monkeypatch.setattr(grown_index, "MOST", 5 / 56)  # 56 items, five of them apart; the sixth is too many
    add_items(vectors, [item("n5", "owl")], encoder=encoder)
    assert not segment_paths(index)
    assert Searcher.over(encoder, vectors).item("n3") is not None


def test_what_a_killed_writer_left_does_not_count_and_goes(
    vectors: Path, encoder: TrainedEncoder, apart: None
) -> None:
    """Killed between the file that holds both changes and the removal of the first; another in a write."""
    add_items(vectors, [item("a", "red cat")], encoder=encoder)
    segments = vectors / "collection/index/segments"
    add_items(vectors, [item("b", "owl")], encoder=encoder)
    kept = (segments / "00000001-00000001.parquet").read_bytes()
    add_items(vectors, [item("a", "blue dog")], encoder=encoder)
    assert [path.name for path in segments.iterdir()] == ["00000001-00000002.parquet"]
    digest = Searcher.over(encoder, vectors).files.digest
    (segments / "00000001-00000001.parquet").write_bytes(kept)
    (segments / ".00000003-00000003.parquet.part/1").mkdir(parents=True)
    (segments / ".00000003-00000003.parquet.part/1/new").write_bytes(b"PAR1")
    searcher = Searcher.over(encoder, vectors)
    assert searcher.files.digest == digest
    found = searcher.item("a")
    assert found is not None
    assert found.caption == "blue dog"
    add_items(vectors, [item("c", "tree"), item("d", "tree"), item("e", "tree")], encoder=encoder)
    assert [path.name for path in segments.iterdir()] == ["00000001-00000003.parquet"]


def test_a_damaged_and_a_lost_segment_are_named(vectors: Path, encoder: TrainedEncoder, apart: None) -> None:
    for names in (("first",), ("a", "b", "c", "d"), ("e", "f"), ("g",)):
        add_items(vectors, [item(name, "red cat") for name in names], encoder=encoder)
    _, middle, last = segment_paths(vectors / "collection/index")
    content = bytearray(last.read_bytes())
    content[30] ^= 1
    last.write_bytes(content)
    with pytest.raises(CrosshashError, match=rf"{last.name}: cannot be read as parquet \(its checksum"):
        Searcher.over(encoder, vectors)
    middle.unlink()
    with pytest.raises(CrosshashError, match=r"segments: changes 2 to 2 are missing"):
        Searcher.over(encoder, vectors)


def test_a_full_disk_leaves_the_collection_as_it_was(
    vectors: Path, encoder: TrainedEncoder, apart: None
) -> None:
    """The system refuses files above 2 kB, as it refuses to fill a full disk."""
    add_items(vectors, [item("a", "red cat")], encoder=encoder)
    before = {path: path.read_bytes() for path in (vectors / "collection").rglob("*") if path.is_file()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    try:
        with pytest.raises(CrosshashError, match=r"segments/.*cannot be written \(.*Free disk space"):
            remove_items(vectors, ["a"], encoder=encoder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {
        path: path.read_bytes() for path in (vectors / "collection").rglob("*") if path.is_file()
    } == before
    remove_items(vectors, ["a"], encoder=encoder)
    assert Searcher.over(encoder, vectors).item("a") is None


def test_a_reader_meets_whole_states_alone(vectors: Path, encoder: TrainedEncoder, apart: None) -> None:
    """A process that adds two items at a time; whatever a reader finds has both of a pair."""
    add_items(vectors, [item("a0", "red"), item("b0", "red")], encoder=encoder)
    child = os.fork()
    if child == 0:
        for number in range(1, 12):
            pair = [item(f"{letter}{number}", "owl") for letter in "ab"]
            add_items(vectors, pair, encoder=encoder)
        os._exit(0)
    seen = set()
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        items = Searcher.over(encoder, vectors).files.items.whole()
        found = [
            sum(items.row_of(f"{letter}{number}") is not None for letter in "ab") for number in range(12)
        ]
        assert set(found) <= {0, 2}
        seen.add(sum(found))
    assert len(seen) > 1


def test_large_indexes_find_as_many_though_the_nearest_are_gone(tmp_path: Path) -> None:
    """Of 300 codes the 150 nearest are gone, more than a search has spare; answers: as built anew."""
    packed = np.repeat(np.arange(3, dtype=np.uint8), 100)[:, None] * np.ones((1, 2), np.uint8)
    rows = np.arange(300)
    base = build(tmp_path / "base", [(packed, rows)], "flat")
    more, theirs = np.zeros((2, 2), np.uint8), np.array([300, 7])
    grown = GrownLarge.over(base).changed(more, theirs, np.arange(150))
    left = CodeIndex.build(np.concatenate([packed[150:], more]), np.concatenate([rows[150:], theirs]))
    assert len(grown) == len(left) == 152
    query = np.zeros((1, 2), np.uint8)
    real = np.full((2, 16), -1.0, np.float32)
    for top in (1, 5, 152, 500):
        for keep in (None, np.array([3, 7, 160, 299, 300])):
            for one, other in zip(grown.search(query, top, keep), left.search(query, top, keep), strict=True):
                assert np.array_equal(one, other)
            for one, other in zip(
                grown.search_real(real, top, keep), left.search_real(real, top, keep), strict=True
            ):
                assert np.array_equal(one, other)
    assert grown.known(np.array([0, 7, 149, 150, 300, 301])).tolist() == [7, 150, 300]
    assert np.array_equal(grown.codes_of(np.array([[7, 299]])), left.codes_of(np.array([[7, 299]])))


def test_rows_in_groups_are_overlaid_without_reading_the_table(
    vectors: Path, encoder: TrainedEncoder, apart: None
) -> None:
    in_small_groups(vectors / "artifacts/index/items.parquet")
    shutil.rmtree(vectors / "collection", ignore_errors=True)
    add_items(vectors, [item("a", "red cat", labels=("mine",))], encoder=encoder)
    in_small_groups(vectors / "collection/index/items.parquet")
    remove_items(vectors, ["a"], encoder=encoder)
    add_items(vectors, [item("b", "red cat", labels=("yours",))], encoder=encoder)
    found = Searcher.over(encoder, vectors)
    assert "mine" not in found.labels
    assert "yours" in found.labels
    (hits,) = found.find(encoder.texts(["red cat"]), "t2t", 5, "yours")
    assert [(hit.id, hit.distance) for hit in hits] == [("b", 0)]
