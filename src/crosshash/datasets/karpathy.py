"""`karpathy`: photos of COCO or Flickr by the JSON of Karpathy's splits, which are used exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from crosshash.datasets.containers.loose_values import texts_of
from crosshash.datasets.containers.named_files import named_files
from crosshash.datasets.readers.given_folder import given_folder
from crosshash.errors import CrosshashError, listed
from crosshash.formats.image_names import leads_out
from crosshash.formats.json_lists import stream_lists
from crosshash.pairs.raw_record import describe_files
from crosshash.pairs.source import GivenSplit, RawFile, RawItem, RawItems, SplitSizes

SIZES = SplitSizes(query=0.125, train=0.875)  # where split.query or split.train draws another one
PARTS = {"test": "query", "train": "train", "restval": "train", "val": "val"}
"""`restval` are the images of COCO's val2014 that are in neither val nor test; who uses the splits trains on
them (karpathy/neuraltalk2, coco/coco_preprocess.ipynb; Faghri et al., VSE++, 2018)."""

LIST = "images"


@dataclass(frozen=True, slots=True)
class Entry:
    """An image of the JSON: its item, its part, and by which names its picture may lie below the folder."""

    item: RawItem
    part: str
    names: tuple[str, ...]


def folder(raw: Path, path: str, **_settings: str) -> Path:
    """Give the user's folder; nothing of it is copied to `raw`.

    Raises:
        CrosshashError: it is not there, or no folder.
    """
    return given_folder("karpathy.path", path, "dataset_coco.json (or that of Flickr) and the pictures")


def fetch(raw: Path, path: str, file: str, images: str) -> list[RawFile]:
    """List the JSON and those of its pictures that are there; the convert stage judges the others."""
    place = folder(raw, path)
    name = _json(place, file)
    pictures = _pictures(place, images, list(_entries(place / name)))
    return describe_files(place, [name, *(one for one in pictures if os.path.isfile(place / one))])


def read(raw: Path, path: str, file: str, images: str) -> RawItems:
    """Read captions and splits; ids are the names of the pictures without folder.

    Raises:
        CrosshashError: the JSON cannot be read, or images of it lack a name, a split or captions as they
            should be (all are listed).
    """
    place = folder(raw, path)
    entries = list(_entries(place / _json(place, file)))
    ids = {
        part: tuple(entry.item.id for entry in entries if entry.part == part) for part in set(PARTS.values())
    }
    return RawItems(
        tuple(entry.item for entry in entries),
        (),
        tuple(place / name for name in _pictures(place, images, entries)),
        official=GivenSplit(ids["query"], ids["train"], ids["val"]),
    )


def _json(place: Path, file: str) -> str:
    names = named_files(place, "karpathy.file", file)
    if len(names) > 1:
        raise CrosshashError(
            f"params.yaml: karpathy.file: '{file}' fits {', '.join(names)}. Name the one that is meant."
        )
    return names[0]


def _entries(path: Path) -> Iterator[Entry]:
    """Read the images one by one.

    Raises:
        CrosshashError: as `read`.
    """
    problems = []
    count = 0
    for key, value in stream_lists(path):
        if key != LIST:
            continue
        try:
            entry = _entry(value)
        except ValueError as error:
            problems.append(f"{LIST}[{count}]: {error}")
        else:
            yield entry
        count += 1
    if problems or not count:
        finding = (
            f"{len(problems)} image(s) cannot be used:\n{listed(problems)}" if count else "has no images"
        )
        raise CrosshashError(
            f"{path}: {finding}\nTake the JSON as it was published: an object with the list '{LIST}', each "
            "with 'filename', 'split' and 'sentences'."
        )


def _entry(value: Any) -> Entry:  # noqa: ANN401 - JSON is what it is
    """Take one image.

    Raises:
        ValueError: something of it is missing or of another kind.
    """
    if not isinstance(value, dict):
        raise ValueError("is no object")
    name, split, sentences = (value.get(key) for key in ("filename", "split", "sentences"))
    if not isinstance(name, str) or not name:
        raise ValueError("has no 'filename'")
    if split not in PARTS:
        raise ValueError(f"{name}: its split is {split!r}, none of {', '.join(PARTS)}")
    if not isinstance(sentences, list):
        raise ValueError(f"{name}: has no list of 'sentences'")
    captions = texts_of([_sentence(name, sentence) for sentence in sentences])
    return Entry(RawItem(PurePosixPath(name).name, captions), PARTS[split], tuple(_names(value, name)))


def _sentence(name: str, sentence: Any) -> Any:  # noqa: ANN401 - JSON is what it is
    """Give a caption as it was written, else its words."""
    if not isinstance(sentence, dict) or not ("raw" in sentence or isinstance(sentence.get("tokens"), list)):
        raise ValueError(f"{name}: a sentence has neither 'raw' nor 'tokens'")
    return sentence["raw"] if "raw" in sentence else " ".join(map(str, sentence["tokens"]))


def _names(value: dict[str, Any], name: str) -> Iterator[str]:
    """Say by which names a picture may lie there: as COCO 2014 has it, all in one folder, as COCO 2017."""
    place = value.get("filepath")
    if isinstance(place, str) and place:
        yield f"{place}/{name}"
    yield name
    number = value.get("cocoid")
    if type(number) is int:
        yield from (f"{part}2017/{number:012d}.jpg" for part in ("train", "val"))


def _pictures(place: Path, images: str, entries: list[Entry]) -> list[str]:
    """Give the name of each picture below the folder: the first that is there, else the first.

    Raises:
        CrosshashError: names lead out of the folder.
    """
    below = PurePosixPath(images)
    found = []
    for entry in entries:
        names = [str(below / name) for name in entry.names]
        found.append(next((name for name in names if os.path.isfile(place / name)), names[0]))
    out = [name for name, leads in zip(found, leads_out(place, found), strict=True) if leads]
    if out:
        raise CrosshashError(
            f"{place}: {len(out)} picture(s) outside of the folder:\n{listed(out)}\nPut the pictures into it "
            "and name their folder as karpathy.images in params.yaml, relative to it."
        )
    return found
