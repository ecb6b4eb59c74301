"""The files of NUS-WIDE as published: list of images, a label file per concept, tags; all in one order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path
from typing import Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from crosshash.acquire.publisher import Source, Transfer, Wanted, find_wanted, obtain, published_folder
from crosshash.acquire.tree import first_there
from crosshash.datasets.readers.nuswide_tags import (
    all_captions,
    check_photos,
    common_captions,
    read_words,
    refuse_lines,
)
from crosshash.errors import CrosshashError, listed
from crosshash.formats.text_lines import byte_lines, text_lines
from crosshash.pairs.source import RawFile, RawItem, RawItems

Tags = Literal["common", "all"]

_PAGE = "lms.comp.nus.edu.sg/wp-content/uploads/2019/research/nuswide/NUS-WIDE.html (closed)"
_FORM = "sent by the National University of Singapore to those who signed its form (closed); all of Flickr/"
SOURCES = (
    Source("ImageList.zip", _PAGE),
    Source("Groundtruth.zip", f"{_PAGE}; in NUS-WIDE.zip of huggingface.co/datasets/Lxyhaha/NUS-WIDE"),
    Source("NUS_WID_Tags.zip", f"{_PAGE}; huggingface.co/datasets/Lxyhaha/NUS-WIDE"),
    Source("Flickr.zip", _FORM),
)
_ROOTS = ("", "NUS-WIDE/")
_TAG_FOLDERS = ("NUS_WID_Tags/", "NUS_WIDE_Tags/", "NUS-WIDE/NUS_WID_Tags/", "")
IMAGES = Wanted((*(f"{root}Flickr/" for root in _ROOTS), "images/"), "Flickr.zip")
IMAGE_LIST = Wanted(
    (*(f"{root}ImageList/Imagelist.txt" for root in _ROOTS), "Imagelist.txt"), "ImageList.zip"
)
LABELS = Wanted((*(f"{root}Groundtruth/AllLabels/" for root in _ROOTS), "AllLabels/"), "Groundtruth.zip")
TAG_LIST, COMMON_TAGS, ALL_TAGS = (
    Wanted(tuple(place + name for place in _TAG_FOLDERS), "NUS_WID_Tags.zip")
    for name in ("TagList1k.txt", "AllTags1k.txt", "All_Tags.txt")
)
WANTED = (IMAGES, IMAGE_LIST, LABELS, TAG_LIST, COMMON_TAGS, ALL_TAGS)
CONCEPT_LISTS = ("ConceptsList/Concepts81.txt", "NUS-WIDE/ConceptsList/Concepts81.txt", "Concepts81.txt")
IMAGE_NAME = re.compile(r"([\w-]+)[\\/](\d+_(\d+)\.jpg)")
"""A line of Imagelist.txt such as `actor\\0001_2124494179.jpg`: folder, file name, photo id."""


def nuswide_folder(raw: Path, local: str | None) -> Path:
    """Give the folder of the published files, the same for any choice of concepts."""
    return published_folder(raw, "nuswide", local, WANTED)


def fetch_nuswide(raw: Path, **transfer: Unpack[Transfer]) -> list[RawFile]:
    """List the published files; none can be downloaded any more, but from a mirror of one's own."""
    return obtain(raw, "nuswide", SOURCES, WANTED, **transfer)


def read_nuswide(folder: Path, concepts: Sequence[str], tags: Tags) -> RawItems:
    """Read the images that show one of the concepts, with their tags as one caption.

    Ids are `folder/file` of Imagelist.txt. Images without such a tag keep no caption.

    Raises:
        CrosshashError: files differ in their lines, hold what they should not, or no image is left.
    """
    check_concepts(folder, concepts)
    names = read_image_list(find_wanted(folder, IMAGE_LIST))
    place = find_wanted(folder, LABELS)
    labels = read_labels([place / f"Labels_{concept}.txt" for concept in concepts], len(names))
    kept: NDArray[np.bool_] = np.any(labels, axis=1)
    vocabulary = read_words(find_wanted(folder, TAG_LIST))
    if tags == "common":
        check_photos(find_wanted(folder, ALL_TAGS), names)
        captions = common_captions(find_wanted(folder, COMMON_TAGS), vocabulary, kept)
    else:
        captions = all_captions(find_wanted(folder, ALL_TAGS), names, kept)
    if not any(captions):
        raise CrosshashError(
            f"{folder}: of {len(names)} images, {kept.sum()} show one of the {len(concepts)} concepts, "
            "and none of these has a tag. Take all files from the full release."
        )
    ids = [names[row] for row in np.flatnonzero(kept).tolist()]
    images = _image_paths(find_wanted(folder, IMAGES), ids)
    items = map(RawItem, ids, captions, _label_names(labels[kept], concepts))
    left_out = f"{len(names) - len(ids)} of {len(names)} images show none of the concepts and are left out"
    return RawItems(
        tuple(items),
        tuple(concepts),
        images,
        warnings=(left_out,) if len(ids) < len(names) else (),
        vocabulary=vocabulary,
    )


def check_concepts(folder: Path, concepts: Sequence[str]) -> None:
    """See that Concepts81.txt, if it is there, names the concepts.

    Raises:
        CrosshashError: it does not name some.
    """
    path = first_there(folder, CONCEPT_LISTS)
    if path is None:
        return
    unknown = sorted(set(concepts).difference(text_lines(folder / path)))
    if unknown:
        raise CrosshashError(
            f"{folder / path}: does not name {', '.join(unknown)}. Take all files from the full release."
        )


def read_image_list(path: Path) -> list[str]:
    r"""Read `folder/file` of each image; the file has backslashes.

    Raises:
        CrosshashError: a line is none, or stands twice.
    """
    first: dict[str, int] = {}
    problems = []
    for number, line in enumerate(text_lines(path), 1):
        found = IMAGE_NAME.fullmatch(line)
        name = f"{found[1]}/{found[2]}" if found else ""
        if not found:
            problems.append(f"line {number}: '{line}' is no folder\\number_photo.jpg")
        elif name in first:
            problems.append(f"line {number}: '{line}' stands in line {first[name]} already")
        first.setdefault(name or str(number), number)
    refuse_lines(path, problems, "Take ImageList/Imagelist.txt of the full release as it is.")
    if not first:
        raise CrosshashError(f"{path}: is empty. Take ImageList/Imagelist.txt of the full release.")
    return list(first)


def read_labels(paths: Sequence[Path], count: int) -> NDArray[np.bool_]:
    """Read label files, a line of 0 or 1 per image; bool[count, C].

    Raises:
        CrosshashError: a file of another length, or with other values (all files are looked at).
    """
    labels = np.zeros((count, len(paths)), dtype=bool)
    problems = []
    for column, path in enumerate(paths):
        flags = [line.strip() for line in byte_lines(path)]
        while flags and not flags[-1]:
            flags.pop()
        wrong = [number for number, flag in enumerate(flags, 1) if flag not in (b"0", b"1")]
        if wrong:
            value = flags[wrong[0] - 1].decode(errors="replace")
            problems.append(
                f"{path}: line {wrong[0]}: '{value}' is neither 0 nor 1 ({len(wrong)} such lines)"
            )
        elif len(flags) != count:
            problems.append(f"{path}: {len(flags)} lines for {count} images in Imagelist.txt")
        else:
            labels[:, column] = np.frombuffer(b"".join(flags), np.uint8) == ord("1")
    if problems:
        raise CrosshashError(
            f"{len(problems)} label file(s) cannot be used:\n{listed(problems)}\n"
            "Take Groundtruth/AllLabels (not TrainTestLabels) and ImageList of the same release."
        )
    return labels


def _label_names(labels: NDArray[np.bool_], concepts: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the names of each row's concepts; equal rows share one tuple."""
    known: dict[bytes, tuple[str, ...]] = {}
    for row in labels:
        key = row.tobytes()
        if key not in known:
            known[key] = tuple(compress(concepts, row))
        yield known[key]


def _image_paths(root: Path, ids: Sequence[str]) -> tuple[Path, ...]:
    """Say where the images lie: in a folder per search word, or, as some copies have them, all in one."""
    layouts = (ids, [name.rpartition("/")[2] for name in ids])
    by_name = zip(*layouts, strict=True)  # the first image that is there tells
    found = (place for names in by_name for place, name in enumerate(names) if os.path.isfile(root / name))
    return tuple(root / name for name in layouts[next(found, 0)])
