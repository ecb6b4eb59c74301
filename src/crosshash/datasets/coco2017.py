"""`coco2017`: Microsoft COCO, the labelled photos of 2017 with five captions each and 80 classes.

Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014. The format of the files:
https://cocodataset.org/#format-data; where sizes, checksums and counts come from: docs/datasets/coco2017.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeVar, Unpack

from crosshash.acquire.publisher import Source, Transfer, Wanted, find_wanted, obtain, published_folder
from crosshash.errors import CrosshashError, listed
from crosshash.formats.json_lists import stream_lists
from crosshash.pairs.source import RawFile, RawItem, RawItems, SplitSizes

T = TypeVar("T")

SIZES = SplitSizes(query=5_000, train=10_000)

PARTS = ("train2017", "val2017")
ANNOTATIONS = "annotations_trainval2017.zip"
PAGE = "https://cocodataset.org/#download"
SITE = "http://images.cocodataset.org"
SOURCES = (
    Source(
        ANNOTATIONS,
        origin=PAGE,
        url=f"{SITE}/annotations/{ANNOTATIONS}",
        size=252_907_541,
        sha256="113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
    ),
    Source(
        "train2017.zip",
        origin=PAGE,
        url=f"{SITE}/zips/train2017.zip",
        size=19_336_861_798,
        sha256="69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929",
    ),
    Source(
        "val2017.zip",
        origin=PAGE,
        url=f"{SITE}/zips/val2017.zip",
        size=815_585_330,
        sha256="4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
    ),
)
PICTURES = {part: Wanted((f"{part}/", f"images/{part}/"), f"{part}.zip") for part in PARTS}
CAPTIONS = {part: Wanted((f"annotations/captions_{part}.json",), ANNOTATIONS) for part in PARTS}
OBJECTS = {part: Wanted((f"annotations/instances_{part}.json",), ANNOTATIONS) for part in PARTS}
WANTED = (*CAPTIONS.values(), *OBJECTS.values(), *PICTURES.values())

# The numbers in the files, 1 to 90 with gaps, and the names of the 80 things.
# fmt: off
CATEGORIES = {
    1: "person", 2: "bicycle", 3: "car", 4: "motorcycle", 5: "airplane", 6: "bus", 7: "train", 8: "truck",
    9: "boat", 10: "traffic light", 11: "fire hydrant", 13: "stop sign", 14: "parking meter", 15: "bench",
    16: "bird", 17: "cat", 18: "dog", 19: "horse", 20: "sheep", 21: "cow", 22: "elephant", 23: "bear",
    24: "zebra", 25: "giraffe", 27: "backpack", 28: "umbrella", 31: "handbag", 32: "tie", 33: "suitcase",
    34: "frisbee", 35: "skis", 36: "snowboard", 37: "sports ball", 38: "kite", 39: "baseball bat",
    40: "baseball glove", 41: "skateboard", 42: "surfboard", 43: "tennis racket", 44: "bottle",
    46: "wine glass", 47: "cup", 48: "fork", 49: "knife", 50: "spoon", 51: "bowl", 52: "banana", 53: "apple",
    54: "sandwich", 55: "orange", 56: "broccoli", 57: "carrot", 58: "hot dog", 59: "pizza", 60: "donut",
    61: "cake", 62: "chair", 63: "couch", 64: "potted plant", 65: "bed", 67: "dining table", 70: "toilet",
    72: "tv", 73: "laptop", 74: "mouse", 75: "remote", 76: "keyboard", 77: "cell phone", 78: "microwave",
    79: "oven", 80: "toaster", 81: "sink", 82: "refrigerator", 84: "book", 85: "clock", 86: "vase",
    87: "scissors", 88: "teddy bear", 89: "hair drier", 90: "toothbrush",
}
# fmt: on
CLASSES = tuple(CATEGORIES.values())


def folder(raw: Path, local: str | None, unlabelled: str) -> Path:
    """Say where annotations and pictures lie."""
    return published_folder(raw, "coco2017", local, WANTED)


def fetch(raw: Path, unlabelled: str, **transfer: Unpack[Transfer]) -> list[RawFile]:
    """Download and unpack what is not there yet, and list it."""
    return obtain(raw, "coco2017", SOURCES, WANTED, **transfer)


def read(raw: Path, local: str | None, unlabelled: Literal["drop", "keep"]) -> RawItems:
    """Read the images of both parts, in the order of the caption files, named by part and file name.

    An image has every class of which it shows an object, crowds included. All its captions are kept, in
    their order, without blanks at the ends and line ends.

    Raises:
        CrosshashError: a file is cut, or its parts do not fit one another (all such places are listed).
    """
    place = folder(raw, local, unlabelled)
    items, images, dropped = [], [], 0
    for part in PARTS:
        names, captions = _read_captions(find_wanted(place, CAPTIONS[part]))
        labels = _read_labels(find_wanted(place, OBJECTS[part]), names)
        pictures = find_wanted(place, PICTURES[part])
        for image, name in names.items():
            if not labels[image] and unlabelled == "drop":
                dropped += 1
                continue
            shown = tuple(CATEGORIES[category] for category in sorted(labels[image]))
            items.append(RawItem(f"{part}/{name}", tuple(captions[image]), shown))
            images.append(pictures / name)
    if not items:
        raise CrosshashError(
            f"{place / 'annotations'}: {dropped} images, none with an object, so that no pair is left. "
            f"Unpack {ANNOTATIONS} again, or set coco2017.unlabelled to keep, in params.yaml."
        )
    told = (f"{dropped} images without any object are left out (coco2017.unlabelled: drop)",)
    return RawItems(tuple(items), CLASSES, tuple(images), warnings=told if dropped else ())


def _read_captions(path: Path) -> tuple[dict[int, str], dict[int, list[str]]]:
    """Read file name and captions of each image, by its number.

    Raises:
        CrosshashError: entries lack something, images stand twice or have no caption, captions have no image.
    """
    names: dict[int, str] = {}
    captions: dict[int, list[str]] = {}
    problems: list[str] = []
    for key, entry in stream_lists(path):
        try:
            if key == "images":
                _add_image(names, _field(entry, "id", int), _field(entry, "file_name", str))
            elif key == "annotations":
                texts = captions.setdefault(_field(entry, "image_id", int), [])
                if text := " ".join(_field(entry, "caption", str).split()):
                    texts.append(text)
        except ValueError as error:
            problems.append(f"{key}: {error}")
    problems += [f"image {number}: a name twice, {name}" for number, name in _repeated(names).items()]
    problems += [
        f"image {number} has captions but no entry in images" for number in captions if number not in names
    ]
    problems += [
        f"image {number}, {name}, has no caption"
        for number, name in names.items()
        if not captions.get(number)
    ]
    _refuse(path, problems)
    return names, captions


def _add_image(names: dict[int, str], number: int, name: str) -> None:
    """Take up an image; ValueError if its number stands there already or its name leads elsewhere."""
    if number in names:
        raise ValueError(f"image {number} stands twice")
    if name in ("", "..") or PurePosixPath(name).name != name or "\0" in name:
        raise ValueError(f"image {number}: {name!r} is no plain file name")
    names[number] = name


def _repeated(names: dict[int, str]) -> dict[int, str]:
    """Find the images whose file name an earlier one has."""
    first = {name: number for number, name in reversed(names.items())}
    return {number: name for number, name in names.items() if first[name] != number}


def _read_labels(path: Path, names: dict[int, str]) -> dict[int, set[int]]:
    """Read the category numbers of each image; the outlines, most of the file, are passed over.

    Raises:
        CrosshashError: entries lack something, categories are not the 80, objects have no image.
    """
    labels: dict[int, set[int]] = {number: set() for number in names}
    problems: Counter[str] = Counter()
    for key, entry in stream_lists(path):
        try:
            if key == "annotations":
                number, category = _field(entry, "image_id", int), _field(entry, "category_id", int)
                if category not in CATEGORIES:
                    raise ValueError(f"category_id {category} is none of the {len(CATEGORIES)}")
                if number not in labels:
                    raise ValueError(f"image {number} has objects but no entry in the caption file")
                labels[number].add(category)
            elif key == "categories":
                number, name = _field(entry, "id", int), _field(entry, "name", str)
                if CATEGORIES.get(number) != name:
                    raise ValueError(f"{number} is {name!r}, not {CATEGORIES.get(number)!r}")
        except ValueError as error:
            problems[f"{key}: {error}"] += 1
    _refuse(path, [f"{problem} ({count} times)" for problem, count in problems.items()])
    return labels


def _field(entry: Any, name: str, kind: type[T]) -> T:  # noqa: ANN401 - JSON is what it is
    """Give a field of an entry; ValueError if it is missing or of another kind."""
    value = entry.get(name) if isinstance(entry, dict) else None
    if type(value) is not kind:
        raise ValueError(f"no {name!r} in {str(entry)[:80]}")
    return value


def _refuse(path: Path, problems: Sequence[str]) -> None:
    if problems:
        raise CrosshashError(
            f"{path}: {len(problems)} problem(s):\n{listed(problems)}\n"
            f"This is not the published file. Delete it and unpack {ANNOTATIONS} again."
        )
