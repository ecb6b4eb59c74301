"""Bundles that are not what they were: each is refused by name of the file, with what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crosshash.artifacts import read_json, write_json
from crosshash.bundle.manifest import NAME, VERSION, described_files
from crosshash.bundle.opened import open_bundle
from crosshash.cli import app
from crosshash.errors import CrosshashError

REMEDY = "Copy the bundle again, or make it anew: `crosshash export bundle` in its project."
FILES = (NAME, "image.onnx", "text.onnx", "tokenizer.json", "shortening.npz", "README.md")
FILES = (*FILES, "index/image.faiss", "index/text.faiss", "index/items.parquet", "index/statistics.json")


def refused(folder: Path) -> str:
    with pytest.raises(CrosshashError) as caught:
        open_bundle(folder).searcher  # noqa: B018
    return str(caught.value)


def edited(folder: Path, **changes: object) -> None:
    """Another bundle.json, its own checksum right."""
    told = read_json(folder / NAME)
    (folder / NAME).unlink()
    write_json(folder / NAME, {**told, **changes})


def test_every_file_is_listed(bundle: Path) -> None:
    assert {*FILES} - {NAME} == read_json(bundle / NAME)["files"].keys()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_file_that_is_cut(own: Path, name: str, share: float) -> None:
    path = own / name
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert name in refused(own)
    assert refused(own).endswith(REMEDY)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0, 0.3, 0.99])
def test_a_byte_that_is_flipped(own: Path, name: str, place: float) -> None:
    path = own / name
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    assert name in refused(own)
    assert refused(own).endswith(REMEDY)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing(own: Path, name: str) -> None:
    (own / name).unlink()
    assert name in refused(own)
    assert refused(own).endswith(REMEDY)


def test_all_that_is_wrong_is_told_at_once(own: Path) -> None:
    (own / "text.onnx").unlink()
    shutil.rmtree(own / "index")
    message = refused(own)
    assert "the bundle is not whole:" in message
    assert all(name in message for name in FILES if name.startswith("index/") or name == "text.onnx")


def test_pictures_that_are_missing_or_other_ones(own: Path) -> None:
    first, second, *_ = sorted((own / "pictures").glob("*/*.jpg"))
    first.write_bytes(second.read_bytes())
    searcher = open_bundle(own).searcher
    names = searcher.index.items.table["picture"].to_pylist()
    item = searcher.index.items.table["id"][names.index(first.stem)].as_py()
    with pytest.raises(CrosshashError, match="is damaged: its name is no longer the sha256 of its content"):
        searcher.picture(item)
    first.unlink()
    count = len(list((own / "pictures").glob("*/*.jpg")))
    assert f"pictures: {count} files, there were {count + 1}" in refused(own)


def test_a_bundle_of_another_version(own: Path) -> None:
    edited(own, version=VERSION + 1, news="what this version cannot know")
    assert refused(own) == (
        f"{own / NAME}: is a bundle of version 2, this crosshash reads version 1. Install the crosshash that "
        "wrote it, or make the bundle anew: `crosshash export bundle` in its project."
    )


def test_what_is_no_bundle(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"{tmp_path}: is no bundle, for bundle.json is missing. {REMEDY}"
    (tmp_path / NAME).write_text("[]")
    assert "is a bundle of version None" in refused(tmp_path)
    (tmp_path / NAME).write_text(json.dumps({"version": VERSION, "method": 3}))
    assert "does not describe a bundle:" in refused(tmp_path)
    assert "method: Input should be a valid string" in refused(tmp_path)


def test_an_index_of_another_model(own: Path) -> None:
    statistics = read_json(own / "index/statistics.json")
    statistics["encoder"]["digest"] = 64 * "0"
    (own / "index/statistics.json").unlink()
    write_json(own / "index/statistics.json", statistics)
    edited(own, files=described_files(own))
    assert f"{own / NAME}: is of another model than the index" in refused(own)


def test_a_graph_with_an_operator_that_is_not_known(own: Path) -> None:
    """A bundle of a later opset, whole by its checksums."""
    import onnx

    graph = onnx.load(own / "text.onnx")
    graph.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(graph, own / "text.onnx")
    edited(own, files=described_files(own))
    with pytest.raises(CrosshashError) as caught:
        open_bundle(own).search("a red circle")
    message = str(caught.value)
    assert message.startswith(f"{own / 'text.onnx'}: cannot be run by onnxruntime ")
    assert "NoSuchOperator" in message
    assert message.endswith("or make the bundle anew: `crosshash export bundle` in its project.")
    done = CliRunner().invoke(app, ["serve", str(own), "--port", "0"])
    assert (done.exit_code, "NoSuchOperator" in done.stderr) == (1, True)
