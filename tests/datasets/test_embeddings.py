"""`embeddings` on folders as clip-retrieval writes them (2.45, NumpyWriter): float16, a file per part."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crosshash.datasets import embeddings
from crosshash.errors import CrosshashError
from crosshash.formats.vector_rows import VectorRows
from crosshash.pairs.info import read_info
from crosshash.pairs.source import RawItems
from crosshash.shards.tar_files import read_items
from tests.datasets.stage_chain import prepare

IMAGE, TEXT = 3, 2  # numbers of a vector


def image_of(part: int, row: int) -> list[float]:
    return [part, row, 0.5]


def text_of(part: int, row: int) -> list[float]:
    return [-part, row + 0.25]


def write_part(place: Path, part: int, rows: int, digits: int = 1, **columns: Any) -> None:  # noqa: ANN401
    """Write the three files of a part."""
    arrays = {"img_emb": image_of, "text_emb": text_of}
    for name, vector in arrays.items():
        (place / name).mkdir(parents=True, exist_ok=True)
        content = np.array([vector(part, row) for row in range(rows)], np.float16)
        np.save(place / name / f"{name}_{part:0{digits}d}.npy", content)
    (place / "metadata").mkdir(exist_ok=True)
    table = {"image_path": [f"{part}-{row}.jpg" for row in range(rows)]}
    table["caption"] = [f"text {part} {row}" for row in range(rows)]
    pd.DataFrame(table | columns).to_parquet(place / f"metadata/metadata_{part:0{digits}d}.parquet")


def read(place: Path, **columns: str | None) -> RawItems:
    usual: dict[str, str | None] = {"caption": "caption", "labels": None, "id": None}
    return embeddings.read(Path("raw"), path=str(place), **(usual | columns))  # type: ignore[arg-type]


def rows_of(vectors: object) -> list[list[float]]:
    assert isinstance(vectors, VectorRows)
    rows = [vectors[row] for row in range(len(vectors))]
    assert all(row.dtype == np.float32 for row in rows)
    return [row.tolist() for row in rows]


def test_parts_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Part 10 comes after part 9, though its name sorts before; each row of the metadata is its vectors'."""
    sizes = {9: 2, 10: 1, 0: 3}
    for part, rows in sizes.items():
        write_part(tmp_path, part, rows)
    source = read(tmp_path)
    places = [(part, row) for part in sorted(sizes) for row in range(sizes[part])]
    assert [item.id for item in source.items] == [f"{part}/{row}" for part, row in places]
    assert [item.captions for item in source.items] == [(f"text {part} {row}",) for part, row in places]
    assert rows_of(source.images) == [image_of(*place) for place in places]
    assert rows_of(source.text) == [text_of(*place) for place in places]
    assert source.warnings == ()
    files = [file.name for file in embeddings.fetch(Path("raw"), path=str(tmp_path))]
    assert len(files) == 9
    assert "text_emb/text_emb_10.npy" in files


def test_columns_of_the_metadata(tmp_path: Path) -> None:
    """Labels that clip-retrieval took over from .json files, as lists; ids by image_path; no caption."""
    write_part(tmp_path, 0, 3, labels=[["dog", "cat"], [], ["dog"]], caption=["a", None, ""])
    source = read(tmp_path, labels="labels", id="image_path")
    assert [(item.id, item.captions, item.labels) for item in source.items] == [
        ("0-0.jpg", ("a",), ("dog", "cat")),
        ("0-1.jpg", (), ()),
        ("0-2.jpg", (), ("dog",)),
    ]
    assert source.classes == ("cat", "dog")
    assert read(tmp_path, caption=None).items[0].captions == ()


def test_captions_are_the_text_without_vectors_of_texts(tmp_path: Path) -> None:
    write_part(tmp_path, 0, 2)
    (tmp_path / "text_emb/text_emb_0.npy").unlink()
    source = read(tmp_path)
    assert source.text is None
    assert source.items[1].captions == ("text 0 1",)


def test_vectors_alone(tmp_path: Path) -> None:
    write_part(tmp_path, 4, 2, digits=4)
    (tmp_path / "metadata/metadata_0004.parquet").unlink()
    assert [item.id for item in read(tmp_path).items] == ["4/0", "4/1"]
    with pytest.raises(
        CrosshashError, match=r"embeddings\.labels: tags: there is no .*metadata with such a c"
    ):
        read(tmp_path, labels="tags")


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    write_part(tmp_path, 0, 2)
    np.save(tmp_path / "extra.npy", np.zeros(3))
    assert read(tmp_path).warnings == ("extra.npy is not read",)


def replace_images(place: Path, array: np.ndarray) -> None:
    np.save(place / "img_emb/img_emb_1.npy", array)


BAD = np.zeros((2, IMAGE), np.float16)
BAD[1, 0] = np.inf


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.zeros((3, IMAGE), np.float16),
            r"1 part\(s\) whose files differ in their rows:\n  - img_emb_1\.npy 3, text_",
        ),
        (
            np.zeros((2, 4), np.float16),
            r"img_emb_1\.npy: vectors of 4 numbers, but those of img_emb_0\.npy have 3",
        ),
        (
            np.zeros(2, np.float16),
            r"img_emb_1\.npy: must be a matrix of real numbers.* float16 of shape \(2,\)",
        ),
        (np.zeros((2, IMAGE), np.complex64), r"img_emb_1\.npy: must be a matrix of real numbers"),
        (np.array([["a"] * IMAGE] * 2, dtype=object), r"img_emb_1\.npy: cannot be read as \.npy"),
        (BAD, r"img_emb_1\.npy: NaN or infinite numbers in row\(s\) 1, counted from 0"),
        (np.full((2, IMAGE), 1e300), r"img_emb_1\.npy: NaN or infinite numbers in row\(s\) 0, 1"),
    ],
)
def test_vectors_that_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    write_part(tmp_path, 0, 2)
    write_part(tmp_path, 1, 2)
    replace_images(tmp_path, array)
    with pytest.raises(CrosshashError, match=message):
        read(tmp_path)


@pytest.mark.parametrize("size", [0, 5, 100, 129])
def test_a_cut_file(tmp_path: Path, size: int) -> None:
    write_part(tmp_path, 0, 2)
    path = tmp_path / "img_emb/img_emb_0.npy"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CrosshashError, match=r"img_emb_0\.npy: cannot be read as \.npy .*cut or damaged"):
        read(tmp_path)


def test_a_damaged_header(tmp_path: Path) -> None:
    """numpy 2 raises an error of the module tokenize where a bracket of the header is not closed."""
    write_part(tmp_path, 0, 2)
    path = tmp_path / "img_emb/img_emb_0.npy"
    path.write_bytes(path.read_bytes().replace(b"(2, 3)", b"(2, 3 "))
    with pytest.raises(CrosshashError, match=r"img_emb_0\.npy: cannot be read as \.npy .*cut or damaged"):
        read(tmp_path)


def test_parts_that_are_not_there(tmp_path: Path) -> None:
    for part in range(3):
        write_part(tmp_path, part, 2)
    (tmp_path / "text_emb/text_emb_1.npy").unlink()
    (tmp_path / "metadata/metadata_2.parquet").unlink()
    with pytest.raises(CrosshashError) as error:
        read(tmp_path)
    assert "2 part(s) are missing:\n  - text_emb: part 1 is not there\n  - metadata: part 2" in str(
        error.value
    )


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"img_emb: no \.npy file is there\. Give the folder"):
        read(tmp_path)
    write_part(tmp_path, 0, 2)
    (tmp_path / "img_emb/img_emb_00.npy").write_bytes((tmp_path / "img_emb/img_emb_0.npy").read_bytes())
    with pytest.raises(CrosshashError, match=r"img_emb: 2 files, but 1 different numbers in their names"):
        read(tmp_path)


def test_vectors_do_not_stand_in_memory(tmp_path: Path) -> None:
    """20,000 vectors of 512 float16, 20 MB, which are looked at in blocks of 4 MB (float32)."""
    (tmp_path / "img_emb").mkdir()
    np.save(tmp_path / "img_emb/img_emb_0.npy", np.ones((20_000, 512), np.float16))
    tracemalloc.start()
    vectors = VectorRows([tmp_path / "img_emb/img_emb_0.npy"])
    _, opened = tracemalloc.get_traced_memory()
    vectors.check_finite()
    _, checked = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert vectors.shape == (20_000, 512)
    assert opened < 1e5
    assert checked < 12e6


def test_through_convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "set"
    for part in range(2):
        write_part(place, part, 8, labels=[["even", "odd"][row % 2] for row in range(8)])
    settings = (f"embeddings.path={place}", "embeddings.labels=labels")
    data = prepare(tmp_path / "project", monkeypatch, "embeddings", *settings)
    items = [item for part in ("query", "train", "val", "rest") for item in read_items(data, part)]
    assert len(items) == 16
    for item in items:
        part, row = map(int, item.id.split("/"))
        np.testing.assert_array_equal(item.image, np.float32(image_of(part, row)))  # type: ignore[arg-type]
        np.testing.assert_array_equal(item.text, np.float32(text_of(part, row)))  # type: ignore[arg-type]
        assert item.image.dtype == np.float32  # type: ignore[union-attr]
        assert item.labels == (["even", "odd"][row % 2],)
    info = read_info(data)
    assert (info.image_kind, info.text_kind, info.image_dim, info.text_dim) == (
        "vector",
        "vector",
        IMAGE,
        TEXT,
    )
