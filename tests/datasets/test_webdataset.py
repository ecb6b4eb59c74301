"""`webdataset` on shards as img2dataset writes them (1.47, writer.WebDatasetSampleWriter), and others."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from webdataset import TarWriter

from crosshash.datasets import webdataset
from crosshash.errors import CrosshashError
from crosshash.formats.pieces import Pieces
from crosshash.pairs.info import read_info
from crosshash.pairs.source import RawItems
from crosshash.shards.tar_files import read_items
from tests.datasets.folders import encoded
from tests.datasets.stage_chain import prepare

BLOCK = tarfile.BLOCKSIZE


def sample(key: str, caption: str | None, ending: str = "jpg", **facts: Any) -> dict[str, Any]:  # noqa: ANN401
    """As img2dataset has it: no caption is an empty .txt, and null in the .json."""
    seed = int(key)
    kind = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[ending]
    known = {"caption": caption, "key": key, "status": "success", "error_message": None, **facts}
    content = json.dumps(known, indent=4).encode()
    return {"__key__": key, ending: encoded(seed, kind), "txt": caption or "", "json": content}


def write_shard(path: Path, *samples: dict[str, Any], stats: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with TarWriter(str(path)) as file:
        for one in samples:
            file.write(one)
    if stats is not None:
        said = {"count": stats + 2, "successes": stats, "failed_to_download": 2}
        path.with_name(f"{path.stem}_stats.json").write_text(json.dumps(said))
    return path


def read(place: Path, shards: str = "*.tar", caption: str = "auto", labels: str | None = None) -> RawItems:
    return webdataset.read(Path("raw"), str(place), shards, caption, labels)


def pictures(source: RawItems) -> list[bytes]:
    assert isinstance(source.images, Pieces)
    return [source.images[row].read() for row in range(len(source.images))]


def test_shards_of_img2dataset(tmp_path: Path) -> None:
    """Every ending, an item without caption, labels of each kind, one without; parquet and stats beside."""
    write_shard(
        tmp_path / "00000.tar",
        sample("000000000", "a dog", labels=["dog", "grass"]),
        sample("000000001", None, "webp", labels="dog; cat"),
        sample("000000004", " two boats ", "png", labels=7),
        stats=3,
    )
    write_shard(tmp_path / "00001.tar", sample("000010000", "ein Schäf", labels=None), stats=1)
    (tmp_path / "00000.parquet").write_bytes(b"never opened")
    source = read(tmp_path, labels="labels")
    assert [(item.id, item.captions, item.labels) for item in source.items] == [
        ("00000/000000000", ("a dog",), ("dog", "grass")),
        ("00000/000000001", (), ("dog", "cat")),
        ("00000/000000004", ("two boats",), ("7",)),
        ("00001/000010000", ("ein Schäf",), ()),
    ]
    assert source.classes == ("7", "cat", "dog", "grass")
    assert pictures(source) == [encoded(0), encoded(1, "WEBP"), encoded(4, "PNG"), encoded(10000)]
    assert source.warnings == ()
    files = webdataset.fetch(Path("raw"), str(tmp_path), "*.tar", "auto", None)
    assert [file.name for file in files] == [
        "00000.tar",
        "00000_stats.json",
        "00001.tar",
        "00001_stats.json",
    ]


def test_captions_and_labels_by_key(tmp_path: Path) -> None:
    """Without .txt, as with save_caption false, the .json has the caption; another key can be named."""
    facts = json.dumps({"caption": "short", "alt": ["long", "longer", "long"], "cls": [3, 12]}).encode()
    write_shard(tmp_path / "a.tar", {"__key__": "x", "jpg": encoded(0), "json": facts})
    assert read(tmp_path).items[0].captions == ("short",)
    assert read(tmp_path, caption="alt").items[0].captions == ("long", "longer")
    assert read(tmp_path, labels="cls").classes == ("3", "12")


def test_members_of_other_tools(tmp_path: Path) -> None:
    """Folders, capitals, `./`, hidden files of macOS, members of an item apart, dots in endings."""
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, data in (
            ("./train/1.JPG", encoded(1)),
            ("./train/2.jpg", encoded(2)),
            ("./train/._1.jpg", b"Mac OS X"),
            ("train/1.txt", b"\xef\xbb\xbfone"),
            ("train/2.txt", b"two"),
            ("train/2.seg.png", b"a mask"),
            ("train/3.txt", b"no picture"),
            ("README", b"no ending"),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    source = read(tmp_path)
    assert [(item.id, item.captions) for item in source.items] == [
        ("a/train/1", ("one",)),
        ("a/train/2", ("two",)),
    ]
    assert pictures(source) == [encoded(1), encoded(2)]
    assert source.warnings == (
        "1 items without a picture are left out, the first a/train/3",
        "files in the shards that are not read, by ending: .seg.png (1)",
    )


def test_of_two_pictures_the_first_counts(tmp_path: Path) -> None:
    """webdataset's writer sorts endings."""
    write_shard(tmp_path / "a.tar", {"__key__": "x", "png": encoded(2, "PNG"), "jpg": encoded(1), "txt": "t"})
    source = read(tmp_path)
    assert pictures(source) == [encoded(1)]
    assert "1 items have more than one picture, the first a/x" in source.warnings[0]


def test_a_cut_shard_is_never_read_as_a_shorter_one(tmp_path: Path) -> None:
    """At any block: between members tarfile ends without a word, and within the last one too."""
    whole = write_shard(
        tmp_path / "whole.tar", *(sample(str(key), "a text") for key in range(2))
    ).read_bytes()
    end = len(whole.rstrip(b"\0"))
    end += -end % BLOCK
    cut = tmp_path / "cut" / "a.tar"
    cut.parent.mkdir()
    for size in [*range(0, end + 1, BLOCK), *range(100, end, 1700), end + 1]:
        cut.write_bytes(whole[:size])
        with pytest.raises(CrosshashError, match=r"a\.tar: cannot be read as a tar file to its end .*cut or"):
            read(cut.parent)
    cut.write_bytes(whole[: end + BLOCK])
    assert len(read(cut.parent).items) == 2


def test_a_damaged_header_and_what_follows_the_end(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "a.tar", *(sample(str(key), "a text") for key in range(3)))
    whole = path.read_bytes()
    at = whole.index(b"1.json")
    path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
    with pytest.raises(CrosshashError, match=r"a\.tar: cannot be read as a tar file to its end"):
        read(tmp_path)
    path.write_bytes(whole + whole)
    with pytest.raises(CrosshashError, match=r"a\.tar: goes on after the end of the archive"):
        read(tmp_path)
    path.write_bytes(gzip.compress(whole))
    with pytest.raises(CrosshashError, match=r"a\.tar: is packed by gzip\. Unpack it"):
        read(tmp_path)
    path.write_bytes(b"no tar at all" * 100)
    with pytest.raises(CrosshashError, match=r"a\.tar: cannot be read as a tar file"):
        read(tmp_path)


def test_statistics_beside_a_shard_must_agree(tmp_path: Path) -> None:
    write_shard(tmp_path / "00000.tar", sample("0", "a"), stats=2)
    with pytest.raises(CrosshashError, match=r"00000\.tar: holds 1 items, 00000_stats\.json says 2\. Delete"):
        read(tmp_path)
    (tmp_path / "00000_stats.json").write_text("{")
    with pytest.raises(CrosshashError, match=r"00000_stats\.json: cannot be read"):
        read(tmp_path)


def test_an_unfinished_shard_is_told(tmp_path: Path) -> None:
    write_shard(tmp_path / "00000.tar", sample("0", "a"), stats=1)
    write_shard(tmp_path / "00001.tar", sample("1", "b"))
    assert "1 shards have no _stats.json beside them" in read(tmp_path).warnings[0]
    assert read(tmp_path).warnings[0].endswith("the first 00001.tar")


@pytest.mark.parametrize(
    ("facts", "settings", "message"),
    [
        ({"labels": 0.5}, {"labels": "labels"}, r"a\.tar: item 0: key 'labels' of its \.json: 0\.5 where"),
        ({"labels": True}, {"labels": "labels"}, r"True where a text or a whole number"),
        ({"alt": 5}, {"caption": "alt"}, r"key 'alt' of its \.json: 5 where a text must stand"),
        (
            {},
            {"labels": "tags"},
            r"no \.json in .* has the key 'tags'; found: caption, error_message, key, s",
        ),
    ],
)
def test_what_is_no_caption_or_label(
    tmp_path: Path, facts: dict[str, Any], settings: dict[str, str], message: str
) -> None:
    write_shard(tmp_path / "a.tar", sample("0", "a", **facts))
    with pytest.raises(CrosshashError, match=message):
        read(tmp_path, **settings)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ({"txt": b"caf\xe9"}, r"a\.tar: x\.txt: byte 4 \(0xe9\) is not UTF-8"),
        ({"json": b"{"}, r"a\.tar: x\.json: is no JSON"),
        ({"json": b"[1]"}, r"a\.tar: x\.json: holds no object"),
    ],
)
def test_texts_that_cannot_be_read(tmp_path: Path, member: dict[str, bytes], message: str) -> None:
    write_shard(tmp_path / "a.tar", {"__key__": "x", "jpg": encoded(0)} | member)
    with pytest.raises(CrosshashError, match=message):
        read(tmp_path)


def test_through_convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that is none is left out, an item without a text is only searched, JPEGs are copied."""
    place = tmp_path / "shards"
    rows = [
        sample(str(key), f"text {key}" if key else None, labels=["even", "odd"][key % 2]) for key in range(8)
    ]
    rows[5]["jpg"] = b"broken"
    write_shard(place / "00000.tar", *rows[:5], stats=5)
    write_shard(place / "00001.tar", *rows[5:], stats=3)
    settings = (
        f"webdataset.path={place}",
        "webdataset.labels=labels",
        "webdataset.shards='{00000..00001}.tar'",
    )
    sizes = ("convert.bad_images=skip", "split.query=2", "split.train=4")
    data = prepare(tmp_path / "project", monkeypatch, "webdataset", *settings, *sizes)
    parts = {part: list(read_items(data, part)) for part in ("query", "train", "val", "rest")}
    assert {part: len(items) for part, items in parts.items()} == {
        "query": 2,
        "train": 4,
        "val": 0,
        "rest": 1,
    }
    assert [item.id for item in parts["rest"]] == ["00000/0"]
    for item in chain.from_iterable(parts.values()):
        assert item.image == encoded(int(item.id.rpartition("/")[2]))
    assert read_info(data).classes == ("even", "odd")
    assert Image.open(io.BytesIO(parts["query"][0].image)).size == (12, 9)  # type: ignore[arg-type]
