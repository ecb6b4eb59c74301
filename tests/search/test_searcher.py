from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crosshash.artifacts import read_json, read_npz, write_json
from crosshash.codes.hamming import distances as hamming
from crosshash.codes.quantiser import Codebook
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import TASKS
from crosshash.search import BadPicture, Encoded, Hit, Searcher
from tests.datasets.folders import picture
from tests.search.conftest import RERANK, change_plan

TEXTS = ["a red circle", "two blue stars on white", "a green heart"]


def pictures_of(project: Path, count: int) -> list[bytes]:
    return [path.read_bytes() for path in sorted((project / "raw").rglob("*.jpg"))[:count]]


def encoded(searcher: Searcher, project: Path, task: str) -> Encoded:
    if TASKS[task][0] == "text":
        return searcher.encode_texts(TEXTS)
    return searcher.encode_pictures(pictures_of(project, 3))


def items_of(project: Path) -> pd.DataFrame:
    return pd.read_parquet(project / "artifacts" / "index" / "items.parquet")


def nearest(found: np.ndarray, allowed: Sequence[int]) -> list[tuple[int, int]]:
    """Distance and row, by a plain loop."""
    return sorted((int(found[row]), row) for row in allowed)


def shown(hits: Sequence[Hit]) -> list[tuple[str, int]]:
    return [(hit.id, hit.distance) for hit in hits]


@pytest.mark.parametrize("task", TASKS)
def test_every_task_finds_what_a_plain_loop_finds(
    trained_project: Path, searcher: Searcher, task: str
) -> None:
    codes = read_npz(trained_project / "artifacts" / "codes" / "retrieval.npz")[TASKS[task][1]]
    queries = encoded(searcher, trained_project, task)
    items = items_of(trained_project)
    for top in (1, 7, 5000):
        for found, hits in zip(hamming(queries.codes, codes), searcher.find(queries, task, top), strict=True):
            wanted = nearest(found, range(len(codes)))[:top]
            assert shown(hits) == [(items["id"][row], distance) for distance, row in wanted]
            assert [hit.caption for hit in hits] == [items["caption"][row] for _, row in wanted]
            assert [list(hit.labels) for hit in hits] == [list(items["labels"][row]) for _, row in wanted]
            assert all(hit.score is None and hit.image == hit.id for hit in hits)


@pytest.mark.parametrize("task", TASKS)
def test_by_asymmetric_distance_it_finds_what_a_plain_loop_finds(
    trained_project: Path, searcher: Searcher, task: str
) -> None:
    codes = read_npz(trained_project / "artifacts" / "codes" / "retrieval.npz")[TASKS[task][1]]
    queries = encoded(searcher, trained_project, task)
    signs, levels = 2 * np.unpackbits(codes, axis=1).astype(int) - 1, queries.levels.astype(int)
    items, by_code = items_of(trained_project), hamming(queries.codes, codes)
    for top in (1, 7, 5000):
        for q, hits in enumerate(searcher.find(queries, task, top, distance="asymmetric")):
            products = signs @ levels[q]
            rows = sorted(range(len(codes)), key=lambda row: (-products[row], row))[:top]
            assert shown(hits) == [(items["id"][row], by_code[q][row]) for row in rows]
            scores = [products[row] / np.abs(levels[q]).sum() for row in rows]
            assert [hit.score for hit in hits] == pytest.approx(scores, abs=1e-6)


def test_labels_narrow_an_asymmetric_search_too(trained_project: Path, searcher: Searcher) -> None:
    queries = searcher.encode_texts(TEXTS)
    for hits in searcher.find(queries, "t2i", 5000, ["star"], "asymmetric"):
        assert hits
        assert all("star" in hit.labels for hit in hits)


def test_the_index_says_by_which_distance(project: Path) -> None:
    path = project / "artifacts/index/statistics.json"
    for distance in ("asymmetric", "hamming"):
        write_json(path, read_json(path) | {"distance": distance})
        searcher = Searcher.open(project)
        assert searcher.distance == distance
        queries = searcher.encode_texts(TEXTS)
        default, named = (searcher.find(queries, "t2i", 9, (), one) for one in (None, distance))
        assert default == named
        assert (default[0][0].score is None) == (distance == "hamming")


@pytest.mark.parametrize("labels", [["star"], ["star", "heart"], ["ring", "ring"]])
def test_labels_narrow_the_search_to_items_that_have_any(
    trained_project: Path, searcher: Searcher, labels: list[str]
) -> None:
    codes = read_npz(trained_project / "artifacts" / "codes" / "retrieval.npz")["image"]
    items = items_of(trained_project)
    allowed = [row for row, names in enumerate(items["labels"]) if set(names) & set(labels)]
    assert 0 < len(allowed) < len(items)
    queries = searcher.encode_texts(TEXTS)
    for found, hits in zip(
        hamming(queries.codes, codes), searcher.find(queries, "t2i", 9, labels), strict=True
    ):
        assert shown(hits) == [(items["id"][row], d) for d, row in nearest(found, allowed)[:9]]


def test_what_cannot_be_searched_is_told(searcher: Searcher) -> None:
    query = searcher.encode_texts(["a star"])
    with pytest.raises(CrosshashError, match=r"label 'sta' \(did you mean star\?\) or 'zzz'\.$"):
        searcher.find(query, "t2i", 3, ["sta", "heart", "zzz"])
    with pytest.raises(CrosshashError, match="unknown task 't3i'; there are i2t, t2i, i2i, t2t"):
        searcher.find(query, "t3i", 3)
    with pytest.raises(CrosshashError, match="unknown distance 'cosine'; there are hamming and asymmetric"):
        searcher.find(query, "t2i", 3, (), "cosine")  # type: ignore[arg-type]
    with pytest.raises(CrosshashError, match="top is 0"):
        searcher.find(query, "t2i", 0)


def test_a_quantised_search_orders_its_candidates_by_score(quantising: Path) -> None:
    """R_h = 50 by Hamming distance, by falling score among them, then the others by distance."""
    searcher = Searcher.open(quantising)
    codes = read_npz(quantising / "artifacts" / "codes" / "retrieval.npz")
    quantised = read_npz(quantising / "artifacts" / "codes" / "quantised.npz")
    items = items_of(quantising)
    starred = [row for row, names in enumerate(items["labels"]) if set(names) & {"star", "heart"}]
    for task, labels, allowed in (("t2i", [], range(len(items))), ("t2t", ["star", "heart"], starred)):
        answers = TASKS[task][1]
        queries = searcher.encode_texts(TEXTS)
        assert queries.vectors is not None
        real = Codebook(quantised["codebook"]).decode(quantised[answers].astype(np.int64))
        scores = queries.vectors @ real.T
        for q, hits in enumerate(searcher.find(queries, task, 80, labels)):
            by_distance = nearest(hamming(queries.codes, codes[answers])[q], allowed)[:80]
            first, rest = by_distance[:RERANK], by_distance[RERANK:]
            assert {hit.id for hit in hits[: len(first)]} == {items["id"][row] for _, row in first}
            assert shown(hits[len(first) :]) == [(items["id"][row], d) for d, row in rest]
            assert all(hit.score is None for hit in hits[len(first) :])
            told = [(-(hit.score or 0.0), hit.distance, place_of(items, hit)) for hit in hits[: len(first)]]
            assert told == sorted(told)
            for negative, _, row in told:
                assert -negative == pytest.approx(float(scores[q, row]), abs=1e-4)
    # Fewer than R_h: the same beginning.
    assert searcher.find(queries, "t2i", 5)[0] == searcher.find(queries, "t2i", 80)[0][:5]


def place_of(items: pd.DataFrame, hit: Hit) -> int:
    return int(np.flatnonzero(items["id"] == hit.id)[0])


def test_items_and_their_pictures_are_shown(trained_project: Path, searcher: Searcher) -> None:
    items = items_of(trained_project)
    raw = {path.name: path.read_bytes() for path in (trained_project / "raw").rglob("*.jpg")}
    for row in (0, 50, 107):
        item = searcher.item(items["id"][row])
        assert item is not None
        assert (item.id, item.caption) == (items["id"][row], items["caption"][row])
        assert (list(item.labels), item.has_picture) == (list(items["labels"][row]), True)
        assert searcher.picture(item.id) == raw[Path(item.id).name]
    assert searcher.item("none") is None
    assert searcher.picture("none") is None
    assert searcher.counts == {"image": 108, "text": 108}
    assert (searcher.bits, searcher.method, searcher.dataset) == (16, "twdh", "scenes")
    assert searcher.labels == sorted({name for names in items["labels"] for name in names})


def test_threads_share_a_searcher(trained_project: Path) -> None:
    searcher = Searcher.open(trained_project, trained_project / "artifacts" / "index")
    items = items_of(trained_project)

    def use(place: int) -> tuple[list[list[Hit]], bytes | None]:
        hits = searcher.find(searcher.encode_texts([TEXTS[place % 3]]), "t2i", 5, ["star", "heart"])
        return hits, searcher.picture(items["id"][place])

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(use, range(24)))
    assert together == [use(place) for place in range(24)]


def test_a_large_picture_has_the_code_that_the_pipeline_would_give_it(
    searcher: Searcher, tmp_path: Path
) -> None:
    """The convert stage shrinks to 512 pixels and writes a JPEG; the network sees that one."""
    picture(0, (900, 600)).save(tmp_path / "large.png")
    large = (tmp_path / "large.png").read_bytes()
    small = searcher.clean_picture(large)
    assert Image.open(io.BytesIO(small)).size == (512, 341)
    assert np.array_equal(searcher.encode_pictures([large]).codes, searcher.encode_pictures([small]).codes)


def bad_pictures() -> dict[str, bytes]:
    bomb, whole, archive = io.BytesIO(), io.BytesIO(), io.BytesIO()
    Image.new("1", (9000, 9000)).save(bomb, "PNG")
    picture(0, (200, 200)).save(whole, "JPEG")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("picture.jpg", whole.getvalue())
    return {
        "more than 50,000,000 pixels": bomb.getvalue(),
        "cannot be decoded": whole.getvalue()[:-900],
        "not a picture in a known format": archive.getvalue(),
        "the file is empty": b"",
    }


@pytest.mark.parametrize("message", bad_pictures())
def test_what_is_no_picture_is_refused(searcher: Searcher, message: str) -> None:
    data = bad_pictures()[message]
    for use in (searcher.clean_picture, lambda data: searcher.encode_pictures([data])):
        with pytest.raises(BadPicture, match=message):
            use(data)


def test_nothing_to_encode_is_told(searcher: Searcher) -> None:
    with pytest.raises(CrosshashError, match="nothing to encode in text 1, 2: it is empty"):
        searcher.encode_texts(["a", "", " \n"])
    with pytest.raises(CrosshashError, match="the query is empty: write what you look for"):
        searcher.encode_texts([" \n"])
    with pytest.raises(CrosshashError, match="the list is empty"):
        searcher.encode_pictures([])
    assert searcher.unknown_words("qwerty uiop") == []  # this network reads any text


def test_a_bag_of_words_tells_the_words_that_it_never_saw(of_vectors: Path) -> None:
    searcher = Searcher.open(of_vectors)
    assert searcher.unknown_words("A small, WEIRD cat; weird owl!") == ["weird"]
    assert searcher.unknown_words("small-cat a") == []  # the parts are known, though not the whole
    assert len(searcher.find(searcher.encode_texts(["a weird cat"]), "t2i", 3)[0]) == 3
    with pytest.raises(CrosshashError, match=r"(?s)knows no word of:\n  - 'weird thing'\nIt reads a bag"):
        searcher.encode_texts(["a cat", "weird thing"])
    with pytest.raises(CrosshashError, match=r"knows no word of 'weird thing'\. It reads a bag"):
        searcher.encode_texts(["weird thing"])
    with pytest.raises(CrosshashError, match=r"image vectors and reads no pictures.*float\[N, 5\]"):
        searcher.encode_pictures([b""])
    (known,) = searcher.find(searcher.encode_texts(["a cat"]), "t2i", 1)
    item = searcher.item(known[0].id)
    assert item is not None
    assert not item.has_picture
    assert searcher.picture(item.id) is None


def test_an_index_of_another_model_is_refused(project: Path, trained_project: Path) -> None:
    (project / "artifacts" / "model").unlink()
    shutil.copytree(trained_project / "artifacts" / "model", project / "artifacts" / "model")
    Searcher.open(project)
    card = project / "artifacts" / "model" / "model.json"
    write_json(card, read_json(card) | {"best_epoch": 77})
    with pytest.raises(
        CrosshashError,
        match=r"another model \(\w{12}\) than the present one \(\w{12}\)\. Run `dvc repro index`",
    ):
        Searcher.open(project)


def edit_statistics(project: Path, **changes: Any) -> None:  # noqa: ANN401
    path = project / "artifacts" / "index" / "statistics.json"
    write_json(path, json.loads(path.read_text()) | changes)


def test_an_index_of_other_bits_or_another_version_is_refused(project: Path) -> None:
    encoder = read_json(project / "artifacts" / "index" / "statistics.json")["encoder"]
    edit_statistics(project, encoder=encoder | {"bits": 24})
    with pytest.raises(CrosshashError, match=r"codes of 24 bits, the model gives 16\. Run `dvc repro index`"):
        Searcher.open(project)
    edit_statistics(project, encoder=None)
    with pytest.raises(CrosshashError, match="was made by another version"):
        Searcher.open(project)


@pytest.mark.parametrize("name", ["image.faiss", "text.faiss", "items.parquet", "statistics.json"])
def test_a_missing_or_cut_file_is_named(project: Path, name: str) -> None:
    path = project / "artifacts" / "index" / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CrosshashError, match=rf"{name}.*dvc repro"):
        Searcher.open(project)
    path.unlink()
    with pytest.raises(CrosshashError, match=rf"{name}: not found\. Run `dvc repro`"):
        Searcher.open(project)
    shutil.rmtree(path.parent)
    with pytest.raises(CrosshashError, match=r"artifacts/index: not found\. Run `dvc repro`"):
        Searcher.open(project)


def test_files_of_several_runs_are_refused(project: Path) -> None:
    items = project / "artifacts" / "index" / "items.parquet"
    pd.read_parquet(items)[:50].to_parquet(items)
    with pytest.raises(CrosshashError, match=r"more codes than items\.parquet has items"):
        Searcher.open(project)
    pd.read_parquet(items).drop(columns="caption").to_parquet(items)
    with pytest.raises(CrosshashError, match="no column caption"):
        Searcher.open(project)


def test_quantised_words_must_be_those_of_the_items(quantising: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(quantising, project, symlinks=True)
    items = project / "artifacts" / "index" / "items.parquet"
    table = pd.read_parquet(items)
    pd.concat([table, table[:1]]).to_parquet(items)
    with pytest.raises(CrosshashError, match=r"quantiser\.npz: does not fit items\.parquet"):
        Searcher.open(project)
    table.to_parquet(items)
    change_plan(project, "evaluate", rerank=None)
    with pytest.raises(CrosshashError, match="plans are of another method than the index"):
        Searcher.open(project)
