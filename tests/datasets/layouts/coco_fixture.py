"""A small COCO of 70 images, laid out as published, with pictures, captions and objects of our own.

What is known about the layout, and from where:
- Three archives, train2017.zip, val2017.zip and annotations_trainval2017.zip, which unpack to train2017/,
  val2017/ and annotations/: addresses, sizes and sha256 in tensorflow/datasets,
  tensorflow_datasets/url_checksums/coco.txt.
- Objects `info, images, annotations, licenses` with the fields written below, outlines as polygons (iscrowd
  0) or run lengths (iscrowd 1), and at least five captions for each image: cocodataset.github.io,
  dataset/format-data.htm. `categories` stands in the instances files alone.
- Numbers of the 80 categories, 1 to 90 with gaps: panopticapi, panoptic_coco_categories.json, also in
  detectron2, detectron2/data/datasets/builtin_meta.py.
- Of the validation images 4,987 have 5 captions, 12 have 6 and one has 7, 25,014 in all: counted by several
  users of the archive, for instance with the sha256 above. Training images have 591,753.
- 1,021 training images have no object: cocodataset/cocoapi issue 76; 48 validation images: 4,952 of 5,000
  have one, giddyyupp/coco-minitrain issue 34.
- 10,498 of the 896,782 objects are crowds: cocodataset/cocoapi issue 117.
- Files are named by the image's number in twelve digits: the example of the Rekognition guide on COCO.

Not from the documentation, but what a reader must get over: annotations in mixed order, blanks and line ends
around captions, a caption that is blank, the same caption twice, a grey picture, a large one.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from tests.datasets.folders import picture

PERSON, BICYCLE, CAR, STOP_SIGN, CAT, DOG, FRISBEE, TOOTHBRUSH = 1, 2, 3, 13, 17, 18, 34, 90
NAMES = {
    PERSON: "person",
    BICYCLE: "bicycle",
    CAR: "car",
    STOP_SIGN: "stop sign",
    CAT: "cat",
    DOG: "dog",
    FRISBEE: "frisbee",
    TOOTHBRUSH: "toothbrush",
}

# Images and the categories that each of them shows; the tests count by hand from here.
GROUPS: dict[str, tuple[tuple[int, tuple[int, ...]], ...]] = {
    "train2017": (
        (12, (PERSON,)),
        (10, (PERSON, BICYCLE)),
        (8, (DOG, FRISBEE, PERSON)),
        (8, (CAT,)),
        (6, (STOP_SIGN, CAR)),
        (6, (TOOTHBRUSH,)),
        (4, ()),
    ),
    "val2017": (
        (6, (PERSON,)),
        (5, (CAT, TOOTHBRUSH)),
        (3, (CAR,)),
        (2, ()),
    ),
}
SIX, SEVEN = 0, 7  # these images of each part have six and seven captions, all others five
CROWDS = (CAR,)  # of the validation part: shown as a crowd alone
LARGE, GREY = 3, 5  # these images of each part are 640 x 480 and grey


def numbers(part: str) -> list[int]:
    """Numbers of the images: with gaps, and none in both parts."""
    first, step = (9, 16) if part == "train2017" else (139, 1000)
    return [first + step * place for place in range(sum(count for count, _ in GROUPS[part]))]


def shown(part: str) -> list[tuple[int, ...]]:
    """Categories of each image."""
    return [categories for count, categories in GROUPS[part] for _ in range(count)]


def captions(place: int, categories: tuple[int, ...]) -> list[str]:
    """Captions as they stand in the file."""
    what = " and a ".join(NAMES[category] for category in categories) or "landscape"
    texts = [f"A {what} in view number {place}.", f"  Somewhere a {what} can be seen. ", f"a {what}\n"]
    texts += [f"a {what}", f"This\nis a photo with a {what}"]
    return texts + ["One more sentence."] * (place in (SIX, SEVEN)) + ["And another."] * (place == SEVEN)


def write_coco(root: Path) -> Path:
    """Write annotations/, train2017/ and val2017/ below `root`."""
    (root / "annotations").mkdir(parents=True)
    for part in GROUPS:
        (root / part).mkdir()
        for place, number in enumerate(numbers(part)):
            image = picture(number, (640, 480) if place == LARGE else (64, 48))
            image.convert("L" if place == GREY else "RGB").save(root / part / f"{number:012d}.jpg")
        for kind, content in (("captions", caption_file(part)), ("instances", instance_file(part))):
            path = root / "annotations" / f"{kind}_{part}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
    return root


def caption_file(part: str) -> dict[str, Any]:
    """The captions of an image are not beside one another; one of them is blank."""
    rows = [
        (rank, number, text)
        for place, (number, categories) in enumerate(zip(numbers(part), shown(part), strict=True))
        for rank, text in enumerate(captions(place, categories))
    ]
    rows = [*sorted(rows), (9, numbers(part)[1], " \n")]
    annotations = [
        {"image_id": number, "id": 40 + place, "caption": text}
        for place, (_, number, text) in enumerate(rows)
    ]
    return {**head(part), "annotations": annotations}


def instance_file(part: str) -> dict[str, Any]:
    """An image of one category shows two objects of it; crowds of the validation part stand alone."""
    annotations = [
        thing(number, category, part == "val2017" and category in CROWDS)
        for number, categories in zip(numbers(part), shown(part), strict=True)
        for category in categories * (2 if len(categories) == 1 else 1)
    ]
    for place, annotation in enumerate(annotations):
        annotation["id"] = 1000 + place
    categories = [{"supercategory": "thing", "id": number, "name": name} for number, name in NAMES.items()]
    return {**head(part), "annotations": annotations[::-1], "categories": categories}


def head(part: str) -> dict[str, Any]:
    return {
        "info": {"description": "COCO 2017 Dataset", "url": "http://cocodataset.org", "year": 2017},
        "licenses": [{"url": "http://creativecommons.org/licenses/by/2.0/", "id": 4, "name": "Attribution"}],
        "images": [
            {"license": 4, "file_name": f"{number:012d}.jpg", "height": 48, "width": 64, "id": number}
            for number in numbers(part)
        ],
    }


def thing(number: int, category: int, crowd: bool) -> dict[str, Any]:
    outline: Any = {"counts": [20, 8, 3044], "size": [48, 64]} if crowd else [[1.5, 2, 9, 2.25, 9, 8]] * 2
    return {
        "segmentation": outline,
        "area": 21.75,
        "iscrowd": int(crowd),
        "image_id": number,
        "bbox": [1.5, 2, 7.5, 6],
        "category_id": category,
    }


def pack_coco(root: Path, served: Path) -> Path:
    """Pack what `write_coco` wrote into the three archives, as they are published."""
    served.mkdir(parents=True)
    archives = {"annotations_trainval2017": "annotations", "train2017": "train2017", "val2017": "val2017"}
    for name, folder in archives.items():
        with zipfile.ZipFile(served / f"{name}.zip", "w") as archive:
            archive.mkdir(folder)
            for path in sorted((root / folder).iterdir()):
                archive.write(path, f"{folder}/{path.name}")
    return served
