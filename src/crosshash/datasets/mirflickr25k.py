"""`mirflickr25k`: 25,000 photos of Flickr with their tags, annotated with 24 potential labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, Unpack

from crosshash.acquire.publisher import Source, Transfer, Wanted, find_wanted, obtain, published_folder
from crosshash.acquire.tree import first_there
from crosshash.datasets.readers.mat_files import read_mat_triple
from crosshash.datasets.readers.unread import unread_files
from crosshash.errors import CrosshashError, listed
from crosshash.formats.text_lines import text_lines
from crosshash.pairs.source import RawFile, RawItem, RawItems, SplitSizes

Tags = Literal["all", "common"]

NAME = "mirflickr25k"
SIZES = SplitSizes(query=2_000, train=10_000)
CLASSES = (
    "animals",
    "baby",
    "bird",
    "car",
    "clouds",
    "dog",
    "female",
    "flower",
    "food",
    "indoor",
    "lake",
    "male",
    "night",
    "people",
    "plant_life",
    "portrait",
    "river",
    "sea",
    "sky",
    "structures",
    "sunset",
    "transport",
    "tree",
    "water",
)
_PAGE = "press.liacs.nl/mirflickr/mirdownload.html"
_FILES = "https://press.liacs.nl/mirflickr/mirflickr25k.v3b"
_ANNOTATIONS = "mirflickr25k_annotations_v080"
SOURCES = (
    Source(f"{NAME}.zip", _PAGE, f"{_FILES}/{NAME}.zip", size=3_069_184_257),
    Source(f"{_ANNOTATIONS}.zip", _PAGE, f"{_FILES}/{_ANNOTATIONS}.zip", size=207_220, folder=_ANNOTATIONS),
)
IMAGES = Wanted(("mirflickr/",), f"{NAME}.zip")
TAGS = Wanted(("mirflickr/meta/tags/",), f"{NAME}.zip")
COMMON_TAGS = Wanted(("mirflickr/doc/common_tags.txt",), f"{NAME}.zip")


def _annotation(label: str) -> Wanted:
    places = (_ANNOTATIONS, f"{_ANNOTATIONS}/{_ANNOTATIONS}", "annotations", "mirflickr/annotations")
    return Wanted(tuple(f"{place}/{label}.txt" for place in places), f"{_ANNOTATIONS}.zip")


WANTED = (IMAGES, TAGS, COMMON_TAGS, *map(_annotation, CLASSES))
_RELEASE = "the .mat release of github.com/jiangqy/DCMH-CVPR2017, on pan.baidu.com with a password"


def _of_release(part: str, *endings: str) -> Wanted:
    names = [f"{NAME}-{part.lower()}{ending}.mat" for ending in ("", *endings)]
    return Wanted(tuple(f"{place}{name}" for name in names for place in ("", f"{part}/")), names[0])


LABELS_MAT, TAGS_MAT = _of_release("LAll"), _of_release("YAll")
IMAGES_MAT = _of_release("IAll", "-vgg")  # pictures, or the vectors of them of penghu-cs/UCCH
RELEASE_READ = (
    "the .mat release is read, since the archives are not all beside it; it holds only images with a common "
    f"tag, so that {NAME}.tags has no say"
)
MAT_SOURCES = tuple(Source(mat.source, _RELEASE, folder=None) for mat in (LABELS_MAT, TAGS_MAT, IMAGES_MAT))


def _mat_files(local: str | None) -> tuple[Wanted, ...]:
    """Name the files of the .mat release, if the local copy is one and not also one of the archives.

    Its images may be missing.
    """
    places = () if local is None else (Path(local), Path(local, NAME))
    if not any(_is_there(place, LABELS_MAT) for place in places) or any(map(_holds_archives, places)):
        return ()
    pictures = any(_is_there(place, IMAGES_MAT) for place in places)
    return (LABELS_MAT, TAGS_MAT, *((IMAGES_MAT,) if pictures else ()))


def _holds_archives(place: Path) -> bool:
    """Say whether both archives are there, packed or unpacked."""
    return all(_is_there(place, one) or (place / one.source).is_file() for one in WANTED)


def _is_there(place: Path, wanted: Wanted) -> bool:
    return first_there(place, wanted.paths) is not None


def folder(raw: Path, tags: Tags, local: str | None) -> Path:
    """Give the folder of the published files, or of the .mat release."""
    return published_folder(raw, NAME, local, _mat_files(local) or WANTED)


def fetch(raw: Path, tags: Tags, **transfer: Unpack[Transfer]) -> list[RawFile]:
    """Fetch the two archives, or list the files of the local copy."""
    if release := _mat_files(transfer["local"]):
        return obtain(raw, NAME, MAT_SOURCES, release, **transfer)
    return obtain(raw, NAME, SOURCES, WANTED, **transfer)


def read(raw: Path, tags: Tags, local: str | None) -> RawItems:
    """Read images, tags and labels: of the .mat release, if the local copy is one, else of the archives.

    The release knows only images with a common tag, whatever `tags`.
    """
    place = folder(raw, tags, local)
    if release := _mat_files(local):
        images = find_wanted(place, IMAGES_MAT) if IMAGES_MAT in release else None
        labels, texts = find_wanted(place, LABELS_MAT), find_wanted(place, TAGS_MAT)
        source = read_mat_triple(place, images, texts, labels, CLASSES)
        unread = unread_files(place, [path for path in (images, texts, labels) if path])
        return replace(source, warnings=(*source.warnings, *unread, f"{labels}: {RELEASE_READ}"))
    return read_original(place, tags)


def read_original(place: Path, tags: Tags) -> RawItems:
    """Read the images that have a label, and a common tag if `tags` says so; ids are file names.

    The text of an image is one caption of all its tags, or of those among the 1,386 common ones.

    Raises:
        CrosshashError: an image without a tag file, annotations that do not fit, nothing left.
    """
    images = find_wanted(place, IMAGES)
    texts = find_wanted(place, TAGS)
    count = count_images(images, texts)
    labels = read_annotations({label: find_wanted(place, _annotation(label)) for label in CLASSES}, count)
    vocabulary = read_common_tags(find_wanted(place, COMMON_TAGS))
    common = frozenset(vocabulary)
    items = []
    for number in sorted(labels):
        words = [word for word in text_lines(texts / f"tags{number}.txt") if word]
        if tags == "common":
            words = [word for word in words if word in common]
        if words or tags == "all":
            caption = (" ".join(dict.fromkeys(words)),) if words else ()
            items.append(RawItem(f"im{number}.jpg", caption, labels[number]))
    if not any(item.captions for item in items):
        raise CrosshashError(
            f"{place}: of {count} images, {len(labels)} have a label and none of these has a tag. Take both "
            "archives as they are published."
        )
    return RawItems(
        tuple(items),
        CLASSES,
        tuple(images / item.id for item in items),
        warnings=(f"{count - len(items)} of {count} images are left out: they lack a label or a tag",)
        if len(items) < count
        else (),
        vocabulary=vocabulary,
    )


def count_images(images: Path, texts: Path) -> int:
    """Count the images, which are numbered from 1; an image that is missing itself is left to convert.

    Raises:
        CrosshashError: images without a tag file (all are listed).
    """
    tagged = _numbers(texts, "tags", ".txt")
    numbers = tagged | _numbers(images, "im", ".jpg")
    problems = [f"tags{n}.txt" for n in range(1, max(numbers, default=0) + 1) if n not in tagged]
    if problems or not numbers:
        finding = (
            f"{len(problems)} tag file(s) are missing:\n{listed(problems)}\n" if problems else "is empty. "
        )
        raise CrosshashError(
            f"{texts}: {finding}Unpack {NAME}.zip again; images without tags have empty files."
        )
    return max(numbers)


def _numbers(place: Path, start: str, end: str) -> set[int]:
    name = re.compile(rf"{start}([1-9]\d*){re.escape(end)}")
    return {int(found[1]) for path in place.iterdir() if (found := name.fullmatch(path.name))}


def read_annotations(paths: Mapping[str, Path], count: int) -> dict[int, tuple[str, ...]]:
    """Read the annotation files, an image number per line: the labels of each image that has one.

    Raises:
        CrosshashError: numbers beyond the images, twice in a file, or none at all (all are listed).
    """
    labels: dict[int, tuple[str, ...]] = {}
    problems: list[str] = []
    for label, path in paths.items():
        seen: set[int] = set()
        before = len(problems)
        for row, line in enumerate(text_lines(path), 1):
            number = int(line) if line.isdecimal() else 0
            if line and not 1 <= number <= count:
                problems.append(
                    f"{path}: line {row}: '{line}' is no image; they are numbered from 1 to {count}"
                )
            elif number in seen:
                problems.append(f"{path}: line {row}: image {number} stands there already")
            elif line:
                seen.add(number)
                labels[number] = (*labels.get(number, ()), label)
        if not seen and len(problems) == before:
            problems.append(f"{path}: names no image")
    if problems:
        raise CrosshashError(
            f"{len(problems)} annotation(s) cannot be used:\n{listed(problems)}\n"
            f"Unpack both archives again, {NAME}.zip and {_ANNOTATIONS}.zip."
        )
    return labels


def read_common_tags(path: Path) -> tuple[str, ...]:
    """Read the tags with at least 20 images, each with its count, in the order of the file.

    Raises:
        CrosshashError: a line is no tag and count, a tag stands twice, or there is none.
    """
    lines = [line.split() for line in text_lines(path)]
    while lines and not lines[-1]:
        lines.pop()
    words: dict[str, None] = {}
    problems = []
    for row, line in enumerate(lines, 1):
        if len(line) != 2 or not line[1].isdecimal():
            problems.append(f"line {row}: '{' '.join(line)}' is not a tag and its count")
        elif line[0] in words:
            problems.append(f"line {row}: '{line[0]}' stands there already")
        else:
            words[line[0]] = None
    if problems or not words:
        finding = (
            f"{len(problems)} line(s) cannot be used:\n{listed(problems)}\n" if problems else "is empty. "
        )
        raise CrosshashError(f"{path}: {finding}Unpack {NAME}.zip again.")
    return tuple(words)
