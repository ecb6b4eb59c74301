from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from crosshash.artifacts import read_json, write_json
from crosshash.cli import app
from crosshash.collection import grown_index
from crosshash.collection.additions import Addition
from crosshash.collection.again import encode_again
from crosshash.collection.collection import add_items, remove_items
from crosshash.errors import CrosshashError
from crosshash.parquet import write_parquet
from crosshash.search import Searcher
from crosshash.search.folders.own_picture import picture_path
from crosshash.search.items import CAPTIONS, PICTURE
from crosshash.search.trained import load_encoder
from tests.collection.test_collection import counted, folder_of
from tests.datasets.folders import picture
from tests.search.conftest import run_again


def captions(*texts: str) -> list[Addition]:
    return [Addition(text, None, (text, "owl"), ("new",)) for text in texts]


def flip(path: Path) -> None:
    """Change a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_own_items_come_with_codes_of_the_new_model_and_deletions_stay(changing: Path) -> None:
    """One item of the run is gone, one of its own too, one of the run is replaced, one came back."""
    first, second, third, *_ = Searcher.open(changing).files.items.whole().table["id"].to_pylist()
    add_items(changing, captions("red cat", "blue dog", "big owl"))
    remove_items(changing, [first, second, "blue dog"])
    add_items(
        changing,
        [*captions("small tree"), Addition(second, None, ("cat",), ()), Addition(third, None, ("dog",), ())],
    )
    old = load_encoder(changing).description
    run_again(changing, seed=1)
    encoder = load_encoder(changing)
    assert encoder.description != old
    run = Searcher.over(encoder, changing, changing / "artifacts/index")
    with pytest.raises(CrosshashError, match=r"another model.*`crosshash encode --again`"):
        Searcher.over(encoder, changing)

    change = encode_again(changing)
    assert counted(change) == (0, 5, 0, 2)
    found = Searcher.over(encoder, changing)
    assert found.counts == {"image": change.images, "text": change.texts}
    ids = set(found.files.items.whole().table["id"].drop_null().to_pylist())
    assert ids == {*run.files.items.whole().table["id"].to_pylist()} - {first} | {
        "red cat",
        "big owl",
        "small tree",
    }
    for name, text in (("red cat", "red cat"), (second, "cat"), (third, "dog"), ("small tree", "small tree")):
        (hits,) = found.find(encoder.texts([text]), "t2t", 1000)
        assert [hit.distance for hit in hits if hit.id == name] == [0]
    other = next(
        name for name in ids if run.files.items.row_of(name) is not None and name not in (second, third)
    )
    rows = [searcher.files.items.row_of(other) for searcher in (run, found)]
    codes = [
        one.index.codes["text"].codes_of(np.array([row])) for one, row in zip((run, found), rows, strict=True)
    ]
    assert np.array_equal(*codes)
    assert counted(encode_again(changing)) == (0, 0, 5, 0)  # it is of the present model now

    run_again(changing, seed=2)
    assert counted(encode_again(changing)) == (0, 5, 0, 2)
    assert Searcher.open(changing).item("blue dog") is None
    assert Searcher.open(changing).item(first) is None


def test_kept_pictures_are_what_is_encoded(project: Path, tmp_path: Path) -> None:
    """The folder that they came from is gone; the codes are those of the first time, as the model is."""
    folder = folder_of(tmp_path / "new", [("a.png", "one", "x"), ("b.png", "", "")])
    for name in ("a.png", "b.png"):
        picture(len(name) + ord(name[0]), (700, 300)).save(folder / name)
    runner = CliRunner()
    assert runner.invoke(app, ["encode", str(folder), "--project", str(project)]).exit_code == 0
    shutil.rmtree(folder)
    before = Searcher.open(project)
    statistics = project / "artifacts/index/statistics.json"
    write_json(statistics, read_json(statistics) | {"remark": "made again"})
    (kept, _) = (project / "collection/pictures").glob("*/*.jpg")
    content = kept.read_bytes()
    kept.unlink()
    done = runner.invoke(app, ["encode", "--again", "--project", str(project)])
    assert done.exit_code == 1
    assert "the pictures of these items are gone or damaged:\n  - " in done.stderr
    kept.write_bytes(content)
    done = runner.invoke(app, ["encode", "--again", "--project", str(project)])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("0 new, 2 replaced, 0 unchanged, 0 removed; ")
    after = Searcher.over(before.encoder, project)  # type: ignore[arg-type]
    for modality in ("image", "text"):
        one, other = before.index.codes[modality], after.index.codes[modality]  # type: ignore[index]
        assert np.array_equal(one.packed, other.packed)  # type: ignore[union-attr]
    assert after.picture("a.png") == before.picture("a.png") is not None


def test_what_cannot_be_encoded_again_is_told(changing: Path) -> None:
    with pytest.raises(
        CrosshashError, match=r"collection/index: not found\. .*`crosshash encode FOLDER` begins one"
    ):
        encode_again(changing)
    add_items(changing, captions("red cat"))
    path = changing / "collection/index/items.parquet"
    table = pq.read_table(path).drop_columns([CAPTIONS])
    write_parquet(path, table.schema, [table])
    add_items(changing, captions("blue dog"))
    run_again(changing, seed=1)
    with pytest.raises(CrosshashError, match=r"kept neither all captions.*Delete the collection"):
        encode_again(changing)


def test_a_collection_from_which_items_were_only_taken_out_is_made_anew_too(changing: Path) -> None:
    first, *others = Searcher.open(changing).files.items.whole().table["id"].to_pylist()
    remove_items(changing, [first])
    run_again(changing, seed=1)
    assert counted(encode_again(changing)) == (0, 0, 0, 1)
    assert set(Searcher.open(changing).files.items.whole().table["id"].drop_null().to_pylist()) == set(others)


def test_damaged_codes_of_a_collection_are_made_anew_as_they_were(changing: Path) -> None:
    """Of its own items and of those of the run."""
    add_items(changing, captions("red cat", "blue dog"))
    whole = Searcher.open(changing)
    path = changing / "collection/index/text.faiss"
    flip(path)
    with pytest.raises(
        CrosshashError, match=r"text\.faiss: .* no collections: `crosshash encode --again` makes the"
    ):
        Searcher.open(changing)
    assert counted(encode_again(changing)) == (0, 2, 0, 0)
    found = Searcher.open(changing)
    assert found.counts == whole.counts
    codes = [one.index.codes["text"] for one in (whole, found)]
    assert np.array_equal(codes[0].packed, codes[1].packed)  # type: ignore[union-attr]


def test_a_damaged_table_of_items_is_told_and_nothing_is_made(changing: Path) -> None:
    add_items(changing, captions("red cat"))
    flip(changing / "collection/index/items.parquet")
    with pytest.raises(CrosshashError, match=r"where that says the same, delete it and"):
        encode_again(changing)


def test_damaged_statistics_of_a_collection_are_made_anew(changing: Path) -> None:
    add_items(changing, captions("red cat"))
    path = changing / "collection/index/statistics.json"
    before = path.read_bytes()
    flip(path)
    with pytest.raises(CrosshashError, match=r"statistics\.json: .* no collections: `crosshash encode"):
        Searcher.open(changing)
    assert counted(encode_again(changing)) == (0, 1, 0, 0)
    assert path.read_bytes() == before


def test_a_damaged_segment_is_told_what_alone_helps(changing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grown_index, "SMALL", 0)
    add_items(changing, captions("red cat"))
    add_items(changing, captions("blue dog"))
    (segment,) = (changing / "collection/index/segments").iterdir()
    flip(segment)
    for call in (Searcher.open, encode_again):
        with pytest.raises(CrosshashError, match=r"by hand\)\. Delete the collection and run [^.]* again\.$"):
            call(changing)


def test_what_is_damaged_in_the_index_of_the_run_is_made_by_the_run(changing: Path) -> None:
    add_items(changing, captions("red cat"))
    for path in ("artifacts/index/text.faiss", "collection/index/text.faiss"):
        flip(changing / path)
    for call in (encode_again, lambda project: Searcher.open(project, project / "artifacts/index")):
        with pytest.raises(CrosshashError, match=r"artifacts/index/text\.faiss: .* run `dvc repro index`\.$"):
            call(changing)


def test_items_whose_pictures_are_damaged_too_can_be_taken_out(project: Path, tmp_path: Path) -> None:
    """Codes are damaged, so that `--remove` cannot; encoding the folder again brings the items back."""
    folder = folder_of(tmp_path / "new", [("a.png", "one", "x"), ("b.png", "", ""), ("c.png", "two", "")])
    runner = CliRunner()
    assert runner.invoke(app, ["encode", str(folder), "--project", str(project)]).exit_code == 0
    before = Searcher.open(project)
    names = before.files.items.whole().own(PICTURE)
    flip(picture_path(project / "collection", names["a.png"]))
    picture_path(project / "collection", names["b.png"]).unlink()
    flip(project / "collection/index/image.faiss")
    again = ["encode", "--again", "--project", str(project)]
    done = runner.invoke(app, again)
    assert done.exit_code == 1
    assert "gone or damaged:\n  - a.png\n  - b.png\nBring" in done.stderr
    done = runner.invoke(app, [*again, "--skip-bad"])
    assert done.stdout.startswith("0 new, 1 replaced, 0 unchanged, 2 removed, 2 skipped; ")
    assert "skipped b.png: its picture is gone or damaged" in done.stderr
    assert Searcher.open(project).item("a.png") is None
    done = runner.invoke(app, ["encode", str(folder), "--project", str(project)])
    assert done.stdout.startswith("2 new, 0 replaced, 1 unchanged, 0 removed; ")
    after = Searcher.over(before.encoder, project)  # type: ignore[arg-type]
    assert after.counts == before.counts
    assert after.picture("a.png") == before.picture("a.png") is not None
