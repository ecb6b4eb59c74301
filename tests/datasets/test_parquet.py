"""`parquet` on files as Hugging Face's datasets writes them (5.2: Image, ClassLabel, List), and others."""

from __future__ import annotations

import json
import tracemalloc
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crosshash.datasets import parquet
from crosshash.errors import CrosshashError
from crosshash.formats.picture_column import PictureColumn
from crosshash.pairs.source import RawItems
from crosshash.shards.tar_files import read_items
from tests.datasets.folders import encoded
from tests.datasets.stage_chain import prepare

PICTURE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
NAMES = ["zebra", "ant", "cat; tame", "never seen"]


def said(**features: Any) -> dict[str, str]:  # noqa: ANN401
    """The metadata that datasets puts beside the schema."""
    return {"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}, **features}}})}


CLASS_LABEL = {"names": NAMES, "_type": "ClassLabel"}


def write(
    path: Path,
    columns: dict[str, pa.Array],
    metadata: dict[str, str] | None = None,
    images: list[Any] | None = None,
    **how: Any,  # noqa: ANN401
) -> Path:
    """Write a file with pictures 0, 1, ... and these columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(next(iter(columns.values())))
    rows = images or [{"bytes": encoded(row), "path": f"{row}.jpg"} for row in range(count)]
    table = pa.table({"image": pa.array(rows, PICTURE), **columns})
    pq.write_table(table.replace_schema_metadata(metadata), path, **how)
    return path


def read(place: Path, **columns: str | None) -> RawItems:
    usual = {"image": "image", "caption": "caption", "labels": None, "id": None, "files": "**/*.parquet"}
    return parquet.read(Path("raw"), path=str(place), **{**usual, **columns})  # type: ignore[arg-type]


def pictures(source: RawItems, size: int = 2) -> list[bytes | str]:
    assert isinstance(source.images, PictureColumn)
    return list(chain.from_iterable(source.images.chunks(size)))


def test_files_of_hugging_face(tmp_path: Path) -> None:
    """Two files, class names in their own order, numbers of which -1 and null are none, ids by place."""
    text = pa.array(["one", None, " "])
    label = pa.array([2, -1, None])
    write(
        tmp_path / "data/train-00000-of-00002.parquet",
        {"caption": text, "label": label},
        said(label=CLASS_LABEL),
    )
    text, label = pa.array(["vier"]), pa.array([0])
    write(
        tmp_path / "data/train-00001-of-00002.parquet",
        {"caption": text, "label": label},
        said(label=CLASS_LABEL),
    )
    source = read(tmp_path, labels="label")
    assert [(item.id, item.captions, item.labels) for item in source.items] == [
        ("data/train-00000-of-00002/0", ("one",), ("cat; tame",)),
        ("data/train-00000-of-00002/1", (), ()),
        ("data/train-00000-of-00002/2", (), ()),
        ("data/train-00001-of-00002/0", ("vier",), ("zebra",)),
    ]
    assert source.classes == ("zebra", "cat; tame")
    assert pictures(source) == [encoded(0), encoded(1), encoded(2), encoded(0)]
    files = parquet.fetch(Path("raw"), str(tmp_path), "**/*.parquet")
    assert [file.name for file in files] == [f"data/train-0000{number}-of-00002.parquet" for number in (0, 1)]
    assert [item.id for item in read(tmp_path, files="data/train-00001*").items] == [
        "data/train-00001-of-00002/0"
    ]


def test_fields_of_structs_and_lists(tmp_path: Path) -> None:
    """As detection sets have them: structs of lists, lists of structs; lists of captions; a dot in a name."""
    inner = {"category": pa.array([[0, 1, 0], None]), "area": pa.array([[0.5, 1, 2], None])}
    columns = {
        "objects": pa.StructArray.from_arrays(list(inner.values()), list(inner)),
        "things": pa.array([[{"category": 1}, {"category": -1}], []]),
        "sentences": pa.array([[{"raw": "a"}, {"raw": "b"}, {"raw": None}], None]),
        "caption.en": pa.array([["x", "y"], []]),
    }
    metadata = said(
        objects={"category": {"feature": CLASS_LABEL, "_type": "List"}},
        things={"feature": {"category": CLASS_LABEL}, "_type": "List"},
    )
    write(tmp_path / "a.parquet", columns, metadata)
    first, second = read(tmp_path, caption="sentences.raw", labels="objects.category").items
    assert (first.captions, first.labels) == (("a", "b"), ("zebra", "ant"))
    assert (second.captions, second.labels) == ((), ())
    assert read(tmp_path, caption=None, labels="things.category").items[0].labels == ("ant",)
    assert read(tmp_path, caption="caption.en").items[0].captions == ("x", "y")


def test_features_as_older_releases_and_lists_say_them(tmp_path: Path) -> None:
    """`Sequence` until datasets 4, and `[...]`."""
    things = pa.array([[{"category": 1}]])
    for number, feature in enumerate(
        ({"feature": {"category": CLASS_LABEL}, "_type": "Sequence"}, [{"category": CLASS_LABEL}])
    ):
        place = tmp_path / str(number)
        write(place / "a.parquet", {"things": things}, said(things=feature))
        assert read(place, caption=None, labels="things.category").classes == ("ant",)


def test_ids_and_labels_of_their_own(tmp_path: Path) -> None:
    """Numbers without names are themselves, texts are split at `;`, ids are composed."""
    columns = {"caption": pa.array(["a", "b"]), "key": pa.array([7, 12]), "name": pa.array(["e\u0301", "f"])}
    columns |= {"tags": pa.array(["dog; cat", ""]), "number": pa.array([[12, 3], [3]])}
    write(tmp_path / "a.parquet", columns)
    assert [item.id for item in read(tmp_path, id="key").items] == ["7", "12"]
    assert [item.id for item in read(tmp_path, id="name").items] == ["\u00e9", "f"]
    assert read(tmp_path, labels="tags").classes == ("cat", "dog")
    assert read(tmp_path, labels="number").classes == ("3", "12")


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_plain_bytes(tmp_path: Path, kind: pa.DataType) -> None:
    columns = {"caption": pa.array(["a", "b"]), "jpg": pa.array([encoded(5), None], kind)}
    write(tmp_path / "a.parquet", columns)
    assert pictures(read(tmp_path, image="jpg")) == [encoded(5), "there is no picture"]


def test_names_of_pictures_alone(tmp_path: Path) -> None:
    """What to_parquet writes of pictures that were given as files: refused at once, or listed one by one."""
    images = [{"bytes": None, "path": "/home/me/1.jpg"}, None, {"bytes": encoded(1), "path": None}]
    caption = pa.array(["a", "b", "c"])
    write(tmp_path / "some/a.parquet", {"caption": caption}, images=images)
    assert pictures(read(tmp_path / "some")) == [
        "there are no bytes, only the name '/home/me/1.jpg': save the set with its pictures taken in",
        "there is no picture",
        encoded(1),
    ]
    write(tmp_path / "none/a.parquet", {"caption": caption}, images=images[:2] + images[:1])
    with pytest.raises(CrosshashError, match=r"the first 3 rows of 'image' hold no bytes, .*embed_table"):
        read(tmp_path / "none")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": "caption"}, r"holds string; pictures are bytes, or structs of bytes and path"),
        (
            {"image": "photo"},
            r"parquet\.image: .*a\.parquet has no column 'photo'; found: image, image\.bytes, ",
        ),
        ({"caption": "sentences.raw"}, r"parquet\.caption: .* has no column 'sentences\.raw'"),
        ({"caption": "number"}, r"a\.parquet: row 0, counted from 0: 1\.5 where a text must stand"),
        (
            {"labels": "number"},
            r"row 0, .*: 1\.5 where a text or a whole number must stand\. .*parquet\.labels",
        ),
        ({"labels": "label"}, r"row 1, .*: number 9, but the file names 4 classes"),
        ({"id": "gap"}, r"row 1, .*: None where an id, .* must stand"),
        ({"files": "*.pq"}, r"parquet\.files: 1 of 1 name"),
    ],
)
def test_columns_that_are_refused(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    table = {
        "caption": pa.array(["a", "b"]),
        "number": pa.array([1.5, 2]),
        "label": pa.array([1, 9]),
        "gap": pa.array(["x", None]),
    }
    write(tmp_path / "a.parquet", table, said(label=CLASS_LABEL))
    with pytest.raises(CrosshashError, match=message):
        read(tmp_path, **columns)


@pytest.mark.parametrize("size", [0, 7, 100, -1])
def test_a_cut_file(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "a.parquet", {"caption": pa.array(["a"])})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CrosshashError, match=r"a\.parquet: cannot be read as parquet .*cut or damaged"):
        read(tmp_path)


def test_damage_in_a_page_is_told_with_its_file(tmp_path: Path) -> None:
    """Text is read at once; with the sizes of pages wrong, the picture column fails when it is read."""
    path = write(tmp_path / "a.parquet", {"caption": pa.array(["a"] * 50)}, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    path.write_bytes(content)
    with pytest.raises(CrosshashError, match=r"a\.parquet: cannot be read as parquet"):
        pictures(read(tmp_path))


def test_a_pointer_of_git_lfs(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    with pytest.raises(CrosshashError, match=r"a\.parquet: is a pointer of Git LFS"):
        read(tmp_path)


def test_pictures_pass_through_little_memory(tmp_path: Path) -> None:
    """One row group of 400 pictures of 100,000 bytes, in pages of 8: Arrow holds a fifth of it at most."""
    images = [{"bytes": bytes([row % 256]) * 100_000, "path": None} for row in range(400)]
    caption = pa.array(["a"] * 400)
    pages = {"compression": "none", "use_dictionary": False, "data_page_size": 1 << 20, "write_batch_size": 8}
    write(tmp_path / "a.parquet", {"caption": caption}, images=images, **pages)
    del images
    source = read(tmp_path)
    assert isinstance(source.images, PictureColumn)
    before, most, count = pa.total_allocated_bytes(), 0, 0
    tracemalloc.start()
    for chunk in source.images.chunks(8):
        most = max(most, pa.total_allocated_bytes() - before)
        count += len(chunk)
    _, python = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 400
    assert most < 8e6
    assert python < 8e6


def test_through_convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight rows in two files; the broken picture and the absent one are left out."""
    images: list[Any] = [{"bytes": encoded(row), "path": None} for row in range(8)]
    images[2], images[6] = {"bytes": b"broken", "path": None}, None
    place = tmp_path / "set"
    for number, rows in enumerate((range(5), range(5, 8))):
        columns = {"caption": pa.array([f"text {row}" for row in rows]), "id": pa.array(rows)}
        columns |= {"label": pa.array([row % 2 for row in rows])}
        path = place / f"{number}.parquet"
        write(path, columns, said(label=CLASS_LABEL), [images[row] for row in rows])
    settings = (f"parquet.path={place}", "parquet.labels=label", "parquet.id=id", "convert.bad_images=skip")
    data = prepare(
        tmp_path / "project", monkeypatch, "parquet", *settings, "split.query=2", "split.missing_class=warn"
    )
    items = {item.id: item for part in ("query", "train", "val", "rest") for item in read_items(data, part)}
    assert sorted(items) == ["0", "1", "3", "4", "5", "7"]
    for name, item in items.items():
        assert item.image == encoded(int(name))
        assert item.captions == (f"text {name}",)
        assert item.labels == (NAMES[int(name) % 2],)


def test_texts_that_are_not_utf8(tmp_path: Path) -> None:
    """Arrow reads them as they are; they fail when they are taken out, names of pictures as well."""
    offsets, data = pa.py_buffer(np.array([0, 4], np.int32)), pa.py_buffer(b"caf\xe9")
    wrong = pa.StringArray.from_buffers(1, offsets, data)
    write(tmp_path / "a.parquet", {"caption": wrong})
    with pytest.raises(CrosshashError, match=r"a\.parquet: cannot be read as parquet \('utf-8' codec"):
        read(tmp_path)
    named = pa.StructArray.from_arrays([pa.array([encoded(0)]), wrong], ["bytes", "path"])
    pq.write_table(pa.table({"image": named}), tmp_path / "a.parquet")
    with pytest.raises(CrosshashError, match=r"a\.parquet: cannot be read as parquet \('utf-8' codec"):
        read(tmp_path, caption=None)
