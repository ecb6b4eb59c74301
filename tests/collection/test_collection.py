from __future__ import annotations

import dataclasses
import hashlib
import io
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from crosshash.artifacts import read_json, read_npz, write_json
from crosshash.checksums import folder_digest
from crosshash.codes.hamming import distances as hamming
from crosshash.codes.quantiser import Codebook
from crosshash.collection import collection, grown_index, new_codes
from crosshash.collection.additions import caption_id
from crosshash.collection.collection import Change, add_folder, remove_items
from crosshash.collection.new_codes import NewCodes, encode_ready
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.search import Searcher
from crosshash.search.asked import of_items
from crosshash.search.encoder import Encoder
from crosshash.search.trained import load_encoder
from crosshash.workers.lock import locked
from tests.datasets.folders import picture, write_csv
from tests.search.conftest import own_copy, run_again

Row = tuple[str, str, str]


@pytest.fixture(scope="module")
def encoder(trained_project: Path) -> Encoder:
    return load_encoder(trained_project)


def folder_of(path: Path, rows: list[Row], seed: int = 0) -> Path:
    """A folder with pairs.csv; pictures differ by name and seed."""
    path.mkdir(exist_ok=True)
    write_csv(path / "pairs.csv", rows)
    for name in {row[0] for row in rows} - {""}:
        (path / name).parent.mkdir(exist_ok=True)
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
        picture(number + seed, (40, 30)).save(path / name)
    return path


def counted(change: Change) -> tuple[int, int, int, int]:
    return change.new, change.replaced, change.unchanged, change.removed


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def all_ids(searcher: Searcher, task: str) -> set[str]:
    (hits,) = searcher.find(searcher.encode_texts(["anything"]), task, 10_000)
    return {hit.id for hit in hits}


NEW: list[Row] = [
    ("pics/one.png", "a red circle", "circle"),
    ("pics/one.png", "something round", ""),
    ("two é'.jpg", "", "odd label"),
    ("", "a caption alone", "circle"),
]


def test_new_items_are_found_beside_the_old_ones(project: Path, encoder: Encoder, tmp_path: Path) -> None:
    before = bytes_below(project / "artifacts" / "index")
    folder = folder_of(tmp_path / "new", NEW)
    change = add_folder(project, folder)
    assert counted(change) == (3, 0, 0, 0)
    assert (change.images, change.texts, change.skipped) == (110, 110, ())
    assert change.collection == str(project / "collection")
    assert bytes_below(project / "artifacts" / "index") == before

    searcher = Searcher.over(encoder, project)
    old = Searcher.over(encoder, project, project / "artifacts" / "index")
    alone = caption_id("a caption alone")
    assert all_ids(searcher, "t2i") == all_ids(old, "t2i") | {"pics/one.png", "two é'.jpg"}
    assert all_ids(searcher, "t2t") == all_ids(old, "t2t") | {"pics/one.png", alone}
    data = (folder / "pics" / "one.png").read_bytes()
    (hits,) = searcher.find(searcher.encode_pictures([data]), "i2i", 110, ["circle"])
    (hit,) = [hit for hit in hits if hit.id == "pics/one.png"]
    assert (hit.distance, hit.caption, hit.image, hit.labels) == (0, "a red circle", hit.id, ("circle",))
    (hits,) = searcher.find(searcher.encode_texts(["a caption alone"]), "t2t", 110, ["circle"])
    (hit,) = [hit for hit in hits if hit.id == alone]
    assert (hit.distance, hit.image) == (0, "")

    for asks, own in (("pics/one.png", "image"), (alone, "text")):  # by its caption where it has no picture
        codes, row = searcher.index.codes[own], searcher.index.items.row_of(asks)  # type: ignore[index]
        query = of_items(searcher, [asks])
        assert np.array_equal(query.codes[0], codes.codes_of(np.array([row]))[0])
        (hits,) = searcher.find(query, "i2i", 200)
        assert {hit.id for hit in hits} == all_ids(searcher, "t2i") - {asks}

    item = searcher.item("two é'.jpg")
    assert item is not None
    assert (item.caption, item.labels, item.has_picture) == ("", ("odd label",), True)
    assert searcher.picture("pics/one.png") == searcher.clean_picture(data)
    item = searcher.item(alone)
    assert item is not None
    assert not item.has_picture
    assert searcher.picture(alone) is None
    some = next(iter(all_ids(old, "t2i")))
    assert searcher.picture(some) == old.picture(some) is not None


def test_the_codes_are_those_that_the_encode_stage_gives(
    trained_project: Path, project: Path, tmp_path: Path
) -> None:
    """Items of the run under other ids: equal pictures and captions must get equal codes."""
    stored = read_npz(trained_project / "artifacts" / "codes" / "retrieval.npz")
    items = Searcher.open(trained_project, trained_project / "artifacts" / "index").index.items.table
    rows = [0, 5, 9]
    folder = tmp_path / "new"
    folder.mkdir()
    pairs = []
    for row in rows:
        name = f"{row}.jpg"
        (raw,) = (trained_project / "raw").rglob(Path(items["image"][row].as_py()).name)
        (folder / name).write_bytes(raw.read_bytes())
        pairs.append((name, items["caption"][row].as_py(), ""))
    write_csv(folder / "pairs.csv", pairs)
    add_folder(project, folder)
    for modality in ("image", "text"):
        index = CodeIndex.load(project / "collection" / "index" / f"{modality}.faiss")
        assert index.rows.tolist() == list(range(111))
        assert np.array_equal(index.packed[:108], stored[modality])
        assert np.array_equal(index.packed[108:], stored[modality][rows])


def test_the_same_content_is_left_alone_and_other_content_replaces(
    project: Path, encoder: Encoder, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "new", NEW)
    add_folder(project, folder)
    before = bytes_below(project / "collection")
    assert counted(add_folder(project, folder)) == (0, 0, 3, 0)
    assert bytes_below(project / "collection") == before

    folder_of(folder, [("pics/one.png", "a blue square", "square"), *NEW[2:]])  # another caption and label
    change = add_folder(project, folder)
    assert (counted(change), change.repictured) == ((0, 1, 2, 0), ())
    assert (change.images, change.texts) == (110, 110)
    searcher = Searcher.over(encoder, project)
    item = searcher.item("pics/one.png")
    assert item is not None
    assert (item.caption, item.labels) == ("a blue square", ("square",))
    (hits,) = searcher.find(searcher.encode_texts(["a blue square"]), "t2t", 200, ["square"])
    assert [hit.distance for hit in hits if hit.id == "pics/one.png"] == [0]

    old = searcher.picture("pics/one.png")
    folder_of(folder, [("pics/one.png", "", "square"), *NEW[2:]], seed=1)  # other pictures, no caption
    change = add_folder(project, folder)
    assert (counted(change), change.repictured) == ((0, 2, 1, 0), ("pics/one.png", "two é'.jpg"))
    assert (change.images, change.texts) == (110, 109)
    searcher = Searcher.over(encoder, project)
    assert "pics/one.png" not in all_ids(searcher, "t2t")
    assert searcher.picture("pics/one.png") not in (None, old)
    assert len(list((project / "collection" / "pictures").glob("*/*.jpg"))) == 2


def test_an_item_of_the_run_can_be_replaced_and_removed(
    project: Path, encoder: Encoder, tmp_path: Path
) -> None:
    old = Searcher.over(encoder, project)
    first, second, *_ = old.index.items.table["id"].to_pylist()
    assert add_folder(project, folder_of(tmp_path / "new", [(first, "changed", "circle")])).repictured == (
        first,
    )
    change = remove_items(project, [second, second])
    assert counted(change) == (0, 0, 0, 1)
    assert (change.images, change.texts) == (107, 107)
    searcher = Searcher.over(encoder, project)
    item = searcher.item(first)
    assert item is not None
    assert item.caption == "changed"
    assert searcher.picture(first) != old.picture(first)
    assert searcher.item(second) is None
    assert searcher.picture(second) is None
    assert second not in all_ids(searcher, "t2i") | all_ids(searcher, "t2t")
    assert all_ids(old, "t2i") == all_ids(searcher, "t2i") | {second}


def test_any_order_of_changes_ends_in_what_a_plain_dict_holds(
    project: Path, encoder: Encoder, tmp_path: Path
) -> None:
    """Random folders and removals, against a dict of captions and labels by id."""
    generator = np.random.default_rng(0)
    start = Searcher.over(encoder, project).index.items.table.to_pylist()
    kept = {row["id"]: (row["caption"], tuple(row["labels"])) for row in start}
    for turn in range(6):
        if turn % 3 == 2:
            gone = generator.choice(sorted(kept), size=4, replace=False).tolist()
            remove_items(project, gone)
            kept = {item: known for item, known in kept.items() if item not in gone}
        else:
            names = generator.choice(9, size=4, replace=False)
            rows = [(f"{name}.png", f"caption {turn} of {name}", f"label {turn};new") for name in names]
            change = add_folder(project, folder_of(tmp_path / "new", rows))
            assert change.new == sum(f"{name}.png" not in kept for name in names)
            kept |= {name: (caption, tuple(labels.split(";"))) for name, caption, labels in rows}
        searcher = Searcher.over(encoder, project)
        (hits,) = searcher.find(searcher.encode_texts(["caption"]), "t2i", 1000)
        assert {hit.id: (hit.caption, hit.labels) for hit in hits} == kept
        assert len(hits) == len(kept)
        own = {f"{searcher.index.items.own('picture')[item]}.jpg" for item in kept if item.endswith(".png")}
        there = {path.name for path in (project / "collection" / "pictures").glob("*/*")}
        assert there == own
        labelled = {item for item, known in kept.items() if "new" in known[1]}
        if labelled:
            (hits,) = searcher.find(searcher.encode_texts(["caption"]), "t2t", 1000, ["new"])
            assert {hit.id for hit in hits} == labelled


def test_pictures_alone_are_enough(project: Path, encoder: Encoder, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    picture(1, (900, 300)).save(folder / "wide.webp")
    change = add_folder(project, folder)
    assert (change.new, change.images, change.texts) == (1, 109, 108)
    kept = Searcher.over(encoder, project).picture("wide.webp")
    assert kept is not None
    assert Image.open(io.BytesIO(kept)).size == (512, 171)


def test_broken_pictures_are_all_listed_and_nothing_is_added(
    project: Path, encoder: Encoder, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "new", [("a.jpg", "one", ""), ("b.jpg", "two", ""), ("c.jpg", "three", "")])
    (folder / "a.jpg").write_bytes(b"PK\3\4 no picture")
    (folder / "c.jpg").unlink()
    with pytest.raises(
        CrosshashError,
        match=r"(?s)2 pictures.*a\.jpg: not a picture.*c\.jpg: the file is missing.*--skip-bad",
    ):
        add_folder(project, folder)
    assert not list((project / "collection").rglob("*.jpg"))
    assert not (project / "collection" / "index").exists()
    change = add_folder(project, folder, skip_bad=True)
    assert (change.new, [line.split(":")[0] for line in change.skipped]) == (1, ["a.jpg", "c.jpg"])
    assert all_ids(Searcher.over(encoder, project), "t2i") >= {"b.jpg"}


def test_one_broken_picture_is_one(project: Path, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "new", [("a.jpg", "one", "")])
    (folder / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(CrosshashError, match=r"new: 1 picture cannot be read:\n  - a\.jpg"):
        add_folder(project, folder)


def test_unknown_ids_are_listed_and_nothing_is_removed(project: Path) -> None:
    first = Searcher.open(project).index.items.table["id"][0].as_py()
    with pytest.raises(
        CrosshashError, match=rf"(?s)'x{first}' \(did you mean {first}.*'\?\?'\nNothing was removed"
    ):
        remove_items(project, [first, f"x{first}", "??"])
    assert not (project / "collection" / "index").exists()


def test_who_is_stopped_leaves_the_old_collection(
    project: Path, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the last file is written."""
    folder = folder_of(tmp_path / "new", NEW)
    add_folder(project, folder)
    before = bytes_below(project / "collection")

    def stopped(path: Path, value: object) -> None:
        raise KeyboardInterrupt

    folder_of(folder, [("other.jpg", "text", "")])
    with monkeypatch.context() as patch:
        patch.setattr(grown_index, "write_json", stopped)
        with pytest.raises(KeyboardInterrupt):
            add_folder(project, folder)
    assert bytes_below(project / "collection") == before
    assert counted(add_folder(project, folder)) == (1, 0, 0, 0)


def test_who_is_stopped_while_networks_run_goes_on_with_the_next_block(
    project: Path, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four blocks of one item; Ctrl-C in the third: the next call runs the networks for two alone."""
    monkeypatch.setenv("CROSSHASH_STATE", str(tmp_path / "state"))
    folder = folder_of(tmp_path / "new", [(f"{n}.jpg", f"picture {n}", "") for n in range(4)])
    add_folder(project, folder, tmp_path / "whole")
    assert [path.suffix for path in (tmp_path / "state").iterdir()] == []
    monkeypatch.setattr(new_codes, "BLOCK", 1)
    encoded, before = [0], new_codes._encoded

    def stopped(*arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        encoded[0] += 1
        if encoded[0] == 3:
            raise KeyboardInterrupt
        return before(*arguments)

    monkeypatch.setattr(new_codes, "_encoded", stopped)
    with pytest.raises(KeyboardInterrupt):
        add_folder(project, folder, tmp_path / "blocks")
    assert not (tmp_path / "blocks/index").exists()
    assert counted(add_folder(project, folder, tmp_path / "blocks")) == (4, 0, 0, 0)
    assert encoded[0] == 5
    whole, blocks = (CodeIndex.load(tmp_path / one / "index/image.faiss") for one in ("whole", "blocks"))
    assert np.array_equal(whole.rows, blocks.rows)
    assert np.array_equal(whole.packed, blocks.packed)
    assert not list((tmp_path / "state").iterdir())


def test_another_folder_can_hold_the_collection(project: Path, encoder: Encoder, tmp_path: Path) -> None:
    folder, place = folder_of(tmp_path / "new", NEW), tmp_path / "elsewhere"
    change = add_folder(project, folder, place)
    assert change.collection == str(place)
    assert not (project / "collection").exists()
    assert Searcher.over(encoder, project).counts["image"] == 108
    for given in (place, place / "index"):
        found = Searcher.over(encoder, project, given)
        assert found.counts["image"] == 110
        assert found.picture("pics/one.png") is not None
    with pytest.raises(CrosshashError, match="is an index, not a folder for a collection"):
        add_folder(project, folder, project / "artifacts" / "index")


def test_a_collection_of_another_run_is_refused(project: Path, encoder: Encoder, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "new", NEW)
    add_folder(project, folder)
    statistics = project / "artifacts" / "index" / "statistics.json"
    write_json(statistics, read_json(statistics) | {"remark": "made again"})
    remedies = r"has changed since.*`crosshash encode --again`.*`git checkout params\.yaml && dvc repro`"
    with pytest.raises(CrosshashError, match=rf"{remedies}.*searched: --index artifacts/index"):
        Searcher.over(encoder, project)
    with pytest.raises(CrosshashError, match=remedies) as refused:
        add_folder(project, folder)
    assert "--index" not in str(refused.value)  # `crosshash encode` has no such option
    assert Searcher.over(encoder, project, project / "artifacts" / "index").counts["image"] == 108

    path = project / "collection" / "index" / "statistics.json"
    told = read_json(path)
    write_json(path, told | {"encoder": told["encoder"] | {"digest": "0" * 64}})
    with pytest.raises(CrosshashError, match=r"another model.*`crosshash encode --again`"):
        Searcher.over(encoder, project)


def test_words_of_new_items_are_found_for_the_second_stage(quantising: Path, tmp_path: Path) -> None:
    project = own_copy(quantising, tmp_path / "project")
    folder = folder_of(tmp_path / "new", NEW)
    old = read_npz(project / "artifacts" / "index" / "quantiser.npz")
    add_folder(project, folder)
    searcher = Searcher.open(project)
    words = read_npz(project / "collection" / "index" / "quantiser.npz")
    book = Codebook(words["codebook"])
    known = searcher.encoder.model.method.known_words().numpy().astype(np.int64)  # type: ignore[attr-defined]
    data = (folder / "pics" / "one.png").read_bytes()
    for modality, query in (
        ("image", searcher.encode_pictures([data])),
        ("text", searcher.encode_texts(["a red circle"])),
    ):
        assert words[modality].dtype == old[modality].dtype
        assert words[modality].shape == (111, 2)
        assert np.array_equal(words[modality][:108], old[modality])
        assert query.vectors is not None
        row = searcher.index.items.row_of("pics/one.png")
        assert np.array_equal(words[modality][row], book.encode(query.vectors, known)[0])
        (hits,) = searcher.find(query, f"{modality[0]}2{modality[0]}", 111)
        (hit,) = [hit for hit in hits if hit.id == "pics/one.png"]
        assert hit.distance == 0
    remove_items(project, ["pics/one.png"])
    words = read_npz(project / "collection" / "index" / "quantiser.npz")
    assert not words["image"][108].any()
    assert len(Searcher.open(project).find(query, "t2t", 200)[0]) == 109


def test_a_model_of_vectors_takes_captions_and_no_pictures(of_vectors: Path, tmp_path: Path) -> None:
    project = own_copy(of_vectors, tmp_path / "project")
    with pytest.raises(CrosshashError, match="was trained on image vectors and reads no pictures"):
        add_folder(project, folder_of(tmp_path / "new", NEW))
    change = add_folder(
        project, folder_of(tmp_path / "captions", [("", "a small cat", ""), ("", "a dog", "")])
    )
    assert (change.new, change.images) == (2, 50)
    searcher = Searcher.open(project)
    (hits,) = searcher.find(searcher.encode_texts(["a small cat"]), "t2t", 200)
    codes = {hit.id: hit.distance for hit in hits}
    assert codes[caption_id("a small cat")] == 0
    assert dataclasses.asdict(change)["collection"] == str(project / "collection")
    both = searcher.encode_texts(["a small cat", "a dog"]).codes
    assert codes[caption_id("a dog")] == hamming(both[:1], both[1:])[0, 0]


CAPTIONS: list[Row] = [("", "a small cat", ""), ("", "big owl", ""), ("", "a dog", "")]


def test_who_waits_for_the_collection_encodes_with_the_model_that_stands_there_then(
    changing: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another `crosshash encode` holds the collection while `dvc repro` replaces model and index."""
    caplog.set_level(logging.INFO)
    folder = folder_of(tmp_path / "captions", CAPTIONS)
    with ThreadPoolExecutor(1) as pool:
        with locked(changing / "collection" / ".lock", "busy"):
            change = pool.submit(add_folder, changing, folder)
            while "waiting for another" not in caplog.text:
                assert not change.done()
                time.sleep(0.01)
            run_again(changing, seed=1)
        assert change.result().new == 3
    searcher = Searcher.open(changing)
    for _, caption, _ in CAPTIONS:
        (hits,) = searcher.find(searcher.encode_texts([caption]), "t2t", 200)
        assert {hit.id: hit.distance for hit in hits}[caption_id(caption)] == 0


def test_what_is_replaced_while_new_items_are_encoded_is_not_mixed_with_them(
    changing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collection is the old index with items of the old model, and says so, whatever stands there now."""
    run = changing / "artifacts" / "index"
    old = {name: CodeIndex.load(run / f"{name}.faiss") for name in ("image", "text")}
    model, digest = load_encoder(changing), folder_digest(run)

    def replaced(*arguments: Any) -> NewCodes:  # noqa: ANN401
        codes = encode_ready(*arguments)
        run_again(changing, seed=1)
        return codes

    monkeypatch.setattr(collection, "encode_ready", replaced)
    add_folder(changing, folder_of(tmp_path / "captions", CAPTIONS))
    place = changing / "collection" / "index"
    for name, before in old.items():
        assert np.array_equal(CodeIndex.load(place / f"{name}.faiss").packed[: len(before)], before.packed)
    own = CodeIndex.load(place / "text.faiss").packed[len(old["text"]) :]
    assert np.array_equal(own, model.texts([caption for _, caption, _ in CAPTIONS]).codes)
    statistics = read_json(place / "statistics.json")
    assert (statistics["encoder"], statistics["base"]) == (model.description, digest)
    with pytest.raises(CrosshashError, match=r"collection/index: was made by another model"):
        Searcher.open(changing)


def test_a_damaged_picture_of_its_own_is_named_and_comes_again(
    project: Path, encoder: Encoder, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "new", [("a.jpg", "one", "")])
    add_folder(project, folder)
    searcher = Searcher.over(encoder, project)
    whole = searcher.picture("a.jpg")
    assert whole is not None
    (path,) = (project / "collection" / "pictures").glob("*/*.jpg")
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CrosshashError, match=rf"{path.name}: is damaged.*encode"):
        searcher.picture("a.jpg")
    remove_items(project, ["a.jpg"])
    add_folder(project, folder)
    assert Searcher.over(encoder, project).picture("a.jpg") == whole
