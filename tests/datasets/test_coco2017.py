from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from crosshash.artifacts import read_json
from crosshash.datasets import coco2017
from crosshash.errors import CrosshashError
from crosshash.pairs.info import read_info
from crosshash.pairs.labels import sharing_chance
from crosshash.pairs.source import RawItems
from tests.acquire.file_server import FileServer
from tests.datasets.layouts.coco_fixture import numbers, pack_coco, write_coco
from tests.datasets.stage_chain import prepare
from tests.stages.stage_runs import files_of


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_coco(tmp_path_factory.mktemp("coco") / "coco")


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    """A layout of one's own, to be spoilt."""
    return shutil.copytree(original, tmp_path / "copy")


def read(place: Path, unlabelled: Literal["drop", "keep"] = "drop") -> RawItems:
    return coco2017.read(place.parent / "raw", local=str(place), unlabelled=unlabelled)


def change(place: Path, name: str, edit: Callable[[dict[str, Any]], object]) -> Path:
    path = place / "annotations" / name
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def refusal(place: Path) -> str:
    before = files_of(place)
    with pytest.raises(CrosshashError) as error:
        read(place)
    assert files_of(place) == before
    assert not (place.parent / "raw").exists()
    return str(error.value)


def test_pairs_classes_mean_labels_and_chance_are_those_counted_by_hand(original: Path) -> None:
    """From GROUPS of the fixture, without its 4 + 2 images that show nothing:

    images   person 12 + 6 = 18   person, bicycle 10   dog, frisbee, person 8   cat 8   stop sign, car 6
             toothbrush 6   cat, toothbrush 5   car 3;   in all 64
    labels   18 + 2 * 10 + 3 * 8 + 8 + 2 * 6 + 6 + 2 * 5 + 3 = 101, so 101 / 64 = 1.578125 per image
    pairs    a person in 18 + 10 + 8 = 36: 36 * 35 / 2 = 630
             a cat in 8 + 5 = 13: 78; a toothbrush in 6 + 5 = 11: 55; both in 5, 10 counted twice: 123
             a car in 6 + 3 = 9: 36; bicycles, dogs, frisbees and stop signs share no further pair
             630 + 123 + 36 = 789 of 64 * 63 / 2 = 2,016
    """
    source = read(original)
    assert len(source.items) == 64
    assert len(source.classes) == 80
    assert sum(len(item.labels) for item in source.items) / 64 == 1.578125
    chance = sharing_chance([item.labels for item in source.items], source.classes)
    assert chance == pytest.approx(789 / 2016, abs=1e-12)
    assert source.warnings == ("6 images without any object are left out (coco2017.unlabelled: drop)",)
    counts = Counter(label for item in source.items for label in item.labels)
    assert counts == {
        "person": 36, "bicycle": 10, "dog": 8, "frisbee": 8, "cat": 13, "stop sign": 6, "car": 9,
        "toothbrush": 11,
    }  # fmt: skip


def test_all_captions_are_kept_without_blanks_and_line_ends(original: Path) -> None:
    """One of the 54 + 16 images of each part has six captions and one seven: 70 * 5 + 2 * 1 + 2 * 2 = 356.

    All of these four show something; the six without an object have five each: 356 - 30 = 326.
    """
    kept, all_of_them = read(original), read(original, "keep")
    assert sum(len(item.captions) for item in all_of_them.items) == 356
    assert sum(len(item.captions) for item in kept.items) == 326
    by_id = {item.id: item for item in kept.items}
    assert by_id["val2017/000000000139.jpg"].captions == (
        "A person in view number 0.",
        "Somewhere a person can be seen.",
        "a person",
        "a person",
        "This is a photo with a person",
        "One more sentence.",
    )
    assert len(by_id[f"train2017/{numbers('train2017')[7]:012d}.jpg"].captions) == 7


def test_unlabelled_images_can_be_kept(original: Path) -> None:
    source = read(original, "keep")
    assert len(source.items) == 70
    assert [item.id for item in source.items if not item.labels] == [
        *(f"train2017/{number:012d}.jpg" for number in numbers("train2017")[-4:]),
        *(f"val2017/{number:012d}.jpg" for number in numbers("val2017")[-2:]),
    ]
    assert source.warnings == ()


def test_ids_differ_and_lead_to_the_pictures(original: Path) -> None:
    source = read(original)
    assert isinstance(source.images, tuple)
    assert len({item.id for item in source.items}) == 64
    assert [str(path.relative_to(original)) for path in source.images] == [item.id for item in source.items]
    assert all(path.is_file() for path in source.images)


def test_labels_stand_in_the_order_of_the_categories_and_crowds_count(original: Path) -> None:
    source = read(original)
    labels = {item.labels for item in source.items}
    assert ("person", "dog", "frisbee") in labels
    assert ("car", "stop sign") in labels
    assert [item.labels for item in source.items].count(("car",)) == 3  # crowds, nothing else


def test_the_class_list_is_that_of_the_eighty_things() -> None:
    assert len(set(coco2017.CLASSES)) == len(coco2017.CATEGORIES) == 80
    assert list(coco2017.CATEGORIES) == sorted(coco2017.CATEGORIES)
    gaps = set(range(1, 91)) - set(coco2017.CATEGORIES)
    assert gaps == {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    assert (coco2017.CLASSES[0], coco2017.CLASSES[11], coco2017.CLASSES[79]) == (
        "person",
        "stop sign",
        "toothbrush",
    )


def test_pictures_may_lie_below_images(copy: Path) -> None:
    for part in coco2017.PARTS:
        (copy / "images").mkdir(exist_ok=True)
        (copy / part).rename(copy / "images" / part)
    source = read(copy)
    assert isinstance(source.images, tuple)
    assert source.items[0].id == "train2017/000000000009.jpg"
    assert source.images[0] == copy / "images" / "train2017" / "000000000009.jpg"


def test_json_that_is_cut(copy: Path) -> None:
    for name in ("captions_train2017.json", "instances_val2017.json"):
        path = copy / "annotations" / name
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert f"{name}: cannot be read as JSON after" in refusal(copy)
        path.write_bytes(whole)


CAPTIONS, OBJECTS = "captions_val2017.json", "instances_train2017.json"
NAMELESS = "no 'file_name' in {'license': 4"


@pytest.mark.parametrize(
    ("name", "key", "field", "value", "finding"),
    [
        (CAPTIONS, "images", "id", 1139, "images: image 1139 stands twice"),
        (CAPTIONS, "images", "file_name", "000000001139.jpg", "image 1139: a name twice, 000000001139.jpg"),
        (CAPTIONS, "images", "file_name", "../x.jpg", "images: image 139: '../x.jpg' is no plain file name"),
        (CAPTIONS, "images", "file_name", "..", "images: image 139: '..' is no plain file name"),
        (CAPTIONS, "images", "file_name", None, f"images: {NAMELESS}"),
        (CAPTIONS, "annotations", "image_id", 7, "image 7 has captions but no entry in images"),
        (CAPTIONS, "annotations", "image_id", "139", "annotations: no 'image_id' in {"),
        (CAPTIONS, "annotations", "caption", None, "annotations: no 'caption' in {"),
        (OBJECTS, "annotations", "category_id", 12, "annotations: category_id 12 is none of the 80"),
        (OBJECTS, "annotations", "category_id", None, "annotations: no 'category_id' in {"),
        (OBJECTS, "annotations", "image_id", 7, "image 7 has objects but no entry in the caption file"),
        (OBJECTS, "categories", "name", "human", "categories: 1 is 'human', not 'person'"),
    ],
)
def test_entries_that_do_not_fit_are_refused(
    copy: Path, name: str, key: str, field: str, value: object, finding: str
) -> None:
    path = change(copy, name, lambda file: file[key][0].update({field: value}))
    message = refusal(copy)
    assert message.startswith(f"{path}: ")
    assert finding in message
    assert "Delete it and unpack annotations_trainval2017.zip again." in message


def test_entries_that_are_no_objects_are_refused(copy: Path) -> None:
    change(copy, CAPTIONS, lambda file: file["annotations"].append([7]))
    assert "1 problem(s):\n  - annotations: no 'image_id' in [7]" in refusal(copy)


def test_images_without_captions_are_refused(copy: Path) -> None:
    def spoil(file: dict[str, Any]) -> None:
        file["annotations"] = [entry for entry in file["annotations"] if entry["image_id"] > 1139]

    change(copy, CAPTIONS, spoil)
    message = refusal(copy)
    assert "2 problem(s)" in message
    assert "image 139, 000000000139.jpg, has no caption" in message
    assert "image 1139, 000000001139.jpg, has no caption" in message


def test_all_problems_of_a_file_are_listed(copy: Path) -> None:
    def spoil(file: dict[str, Any]) -> None:
        for entry in file["annotations"][:3]:
            entry["category_id"] = 91
        file["annotations"][5]["image_id"] = 2

    change(copy, OBJECTS, spoil)
    message = refusal(copy)
    assert "2 problem(s)" in message
    assert "category_id 91 is none of the 80 (3 times)" in message
    assert "image 2 has objects" in message


def test_no_usable_pair(copy: Path) -> None:
    for part in coco2017.PARTS:
        change(copy, f"instances_{part}.json", lambda file: file["annotations"].clear())
    assert "70 images, none with an object, so that no pair is left" in refusal(copy)
    assert len(read(copy, "keep").items) == 70


def test_served_downloaded_converted_and_not_asked_for_again(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 40 training items 5 in 100, so 2, choose the epoch; 70 - 10 - 40 = 20 are only searched."""
    served = pack_coco(original, tmp_path / "served")
    with FileServer(served) as server:
        settings = (
            "coco2017.unlabelled=keep", f"download.mirror={server.url}", "download.checksums=first",
            "split.query=10", "split.train=40", "split.missing_class=warn",
        )  # fmt: skip
        data = prepare(tmp_path / "project", monkeypatch, "coco2017", *settings)
        first = files_of(data)
        asked = len(server.requests)
        assert sorted(request.path for request in server.requests if request.method == "GET") == [
            "annotations_trainval2017.zip", "train2017.zip", "val2017.zip"
        ]  # fmt: skip
        assert files_of(prepare(tmp_path / "project", monkeypatch, "coco2017", *settings)) == first
        assert len(server.requests) == asked
    info = read_info(data)
    assert info.counts == {"query": 10, "train": 38, "val": 2, "rest": 20, "unlabelled": 6, "captionless": 0}
    assert len(info.classes) == 80
    assert info.chance == pytest.approx(789 / 2016)
    names = [file["name"] for file in read_json(tmp_path / "project/data/raw/coco2017.json")["files"]]
    assert len([name for name in names if name.endswith(".jpg")]) == 70
