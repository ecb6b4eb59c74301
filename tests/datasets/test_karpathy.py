"""`karpathy` on JSON as caption_datasets.zip has it (cs.stanford.edu/people/karpathy/deepimagesent).

COCO's entries have `filepath` and `cocoid`, those of Flickr8k and Flickr30k neither.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crosshash.artifacts import read_json
from crosshash.datasets import karpathy
from crosshash.errors import CrosshashError
from crosshash.pairs.source import RawItems
from crosshash.shards.tar_files import read_items
from tests.datasets.folders import encoded
from tests.datasets.stage_chain import prepare

SPLITS = ("restval", "test", "val", "train", "train", "restval", "test", "val", "train")


def entry(number: int, split: str, coco: bool = True) -> dict[str, Any]:
    """An image with two captions, the second twice."""
    texts = (f"picture {number}", "again", "again ")
    sentences = [{"tokens": text.split(), "raw": text, "imgid": number, "sentid": number} for text in texts]
    known = {"sentids": [number], "imgid": number, "sentences": sentences, "split": split}
    if not coco:
        return known | {"filename": f"{number}_a.jpg"}
    place = "train2014" if split == "train" else "val2014"
    return known | {"filepath": place, "filename": f"COCO_{place}_{number:012d}.jpg", "cocoid": number}


def write_json(place: Path, entries: list[Any], name: str = "dataset_coco.json") -> Path:
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(json.dumps({"images": entries, "dataset": name[8:-5]}))
    return place


def write_set(place: Path, coco: bool = True, splits: tuple[str, ...] = SPLITS) -> list[dict[str, Any]]:
    """Write JSON and pictures; give the entries."""
    entries = [entry(number, split, coco) for number, split in enumerate(splits)]
    write_json(place, entries, f"dataset_{'coco' if coco else 'flickr8k'}.json")
    for number, one in enumerate(entries):
        path = place / one.get("filepath", "") / one["filename"]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(number))
    return entries


def read(place: Path, file: str = "dataset_*.json", images: str = ".") -> RawItems:
    return karpathy.read(Path("raw"), str(place), file, images)


def test_splits_are_those_of_the_json(tmp_path: Path) -> None:
    """Images 1 and 6 are queries, 2 and 7 validation queries; train and restval, 0, 3, 4, 5, 8, training."""
    names = [one["filename"] for one in write_set(tmp_path)]
    source = read(tmp_path)
    assert [item.id for item in source.items] == names
    assert source.items[1].captions == ("picture 1", "again")
    assert source.classes == ()
    assert source.official is not None
    assert source.official.query == (names[1], names[6])
    assert source.official.val_query == (names[2], names[7])
    assert source.official.train == tuple(names[number] for number in (0, 3, 4, 5, 8))
    assert isinstance(source.images, tuple)
    assert [path.read_bytes() for path in source.images] == [encoded(number) for number in range(9)]


def test_flickr_lies_in_one_folder(tmp_path: Path) -> None:
    """The archive of Flickr8k has a folder for the pictures; convert judges a picture that is not there."""
    write_set(tmp_path / "Flicker8k_Dataset", coco=False)
    (tmp_path / "Flicker8k_Dataset/dataset_flickr8k.json").rename(tmp_path / "dataset_flickr8k.json")
    (tmp_path / "Flicker8k_Dataset/3_a.jpg").unlink()
    source = read(tmp_path, images="Flicker8k_Dataset")
    assert isinstance(source.images, tuple)
    assert source.images[3] == tmp_path / "Flicker8k_Dataset/3_a.jpg"
    files = karpathy.fetch(Path("raw"), str(tmp_path), "dataset_flickr8k.json", "Flicker8k_Dataset")
    assert len(files) == 9
    assert files[-1].name == "dataset_flickr8k.json"


def test_pictures_of_coco_2017_by_their_number(tmp_path: Path) -> None:
    """The same photos under other names: 2014's val was dealt out anew to train2017 and val2017."""
    write_json(tmp_path, [entry(number, split) for number, split in enumerate(("test", "train"))])
    for name in ("train2017/000000000000.jpg", "val2017/000000000001.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(name.encode())
    images = read(tmp_path).images
    assert isinstance(images, tuple)
    assert [path.read_bytes()[:3] for path in images] == [b"tra", b"val"]


def test_words_where_there_is_no_text(tmp_path: Path) -> None:
    one = entry(0, "test") | {"sentences": [{"tokens": ["a", "dog"]}]}
    assert read(write_json(tmp_path, [one])).items[0].captions == ("a dog",)


def test_several_files(tmp_path: Path) -> None:
    """caption_datasets.zip holds three."""
    write_json(tmp_path, [entry(0, "test")])
    write_json(tmp_path, [entry(0, "test", False)], "dataset_flickr8k.json")
    with pytest.raises(
        CrosshashError, match=r"fits dataset_coco\.json, dataset_flickr8k\.json\. Name the one"
    ):
        read(tmp_path)
    assert read(tmp_path, "dataset_flickr8k.json").items[0].id == "0_a.jpg"
    with pytest.raises(CrosshashError, match=r"karpathy\.file: 1 of 1 name.*fit no file"):
        read(tmp_path, "dataset_flickr30k.json")


GOOD = entry(0, "train")


def test_images_that_are_refused_are_listed(tmp_path: Path) -> None:
    name = GOOD["filename"]
    write_json(
        tmp_path,
        [
            GOOD,
            5,
            {"split": "test"},
            GOOD | {"split": "dev"},
            GOOD | {"sentences": "a dog"},
            GOOD | {"sentences": [{"sentid": 1}]},
            GOOD | {"sentences": [{"raw": 7}]},
        ],
    )
    with pytest.raises(CrosshashError) as error:
        read(tmp_path)
    assert str(error.value).splitlines()[0].endswith("dataset_coco.json: 6 image(s) cannot be used:")
    assert str(error.value).splitlines()[1:-1] == [
        "  - images[1]: is no object",
        "  - images[2]: has no 'filename'",
        f"  - images[3]: {name}: its split is 'dev', none of test, train, restval, val",
        f"  - images[4]: {name}: has no list of 'sentences'",
        f"  - images[5]: {name}: a sentence has neither 'raw' nor 'tokens'",
        "  - images[6]: 7 where a text must stand",
    ]


def test_json_that_is_none(tmp_path: Path) -> None:
    write_json(tmp_path, [])
    with pytest.raises(CrosshashError, match=r"dataset_coco\.json: has no images"):
        read(tmp_path)
    (tmp_path / "dataset_coco.json").write_text('{"images": [{"filename": "a')
    with pytest.raises(CrosshashError, match=r"dataset_coco\.json: cannot be read as JSON .*cut or damaged"):
        read(tmp_path)


def test_pictures_outside_are_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "set", [entry(0, "test") | {"filepath": "../elsewhere"}])
    with pytest.raises(CrosshashError, match=r"1 picture\(s\) outside of the folder:\n  - \.\./elsewhere"):
        read(tmp_path / "set")


def test_through_convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Split sizes of the JSON, though split.val asks for a share; without labels."""
    names = [one["filename"] for one in write_set(tmp_path / "set")]
    data = prepare(tmp_path / "project", monkeypatch, "karpathy", f"karpathy.path={tmp_path / 'set'}")
    split = read_json(data / "split.json")
    assert split["query"] == [names[1], names[6]]
    assert split["val_query"] == [names[2], names[7]]
    assert split["train"] == [names[number] for number in (0, 3, 4, 5, 8)]
    assert [item.image for item in read_items(data, "query")] == [encoded(1), encoded(6)]
    assert list(read_items(data, "rest")) == []


def test_a_drawn_split_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(tmp_path / "set")
    settings = (f"karpathy.path={tmp_path / 'set'}", "split.query=3", "split.train=4")
    data = prepare(tmp_path / "project", monkeypatch, "karpathy", *settings)
    assert len(read_json(data / "split.json")["query"]) == 3
