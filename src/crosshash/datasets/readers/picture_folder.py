"""A folder of pictures without a table: texts beside them, a folder per class, or nothing but pictures."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from crosshash.datasets.readers.pairs_csv import NAME
from crosshash.errors import CrosshashError, listed
from crosshash.formats.image_names import PICTURES, leads_out
from crosshash.formats.spelling import as_seen, composed
from crosshash.formats.text_lines import text_lines
from crosshash.pairs.source import RawItem, RawItems

TEXT = ".txt"
SPLITS = {"train", "val", "valid", "validation", "test"}
"""Folders by which some sets lay out their parts; a class is a folder within them."""

Layout = Literal["texts", "classes", "pictures"]


@dataclass
class Found:
    """What lies in a folder, names relative to it, sorted.

    texts: .txt files (.TXT too) by their names without the ending; others: endings of all other files;
    unentered: folders that are links.
    """

    pictures: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)
    unentered: list[str] = field(default_factory=list)


def find_pictures(folder: Path, follow_links: bool) -> Found:
    """Look through a folder at any depth; hidden files and folders are left out.

    Raises:
        CrosshashError: a folder cannot be read, there is no picture, or pictures are links that lead out and
            links are not followed (all are listed).
    """
    found = Found()
    for name in sorted(_files(folder, found)):
        stem, ending = os.path.splitext(name)
        if ending.lower() in PICTURES:
            found.pictures.append(name)
        elif ending.lower() == TEXT:
            found.texts[stem] = name
        else:
            found.others[ending.lower() or "none"] += 1
    if not found.pictures:
        raise CrosshashError(
            f"{folder / NAME}: not found, nor any picture ({', '.join(PICTURES)}). Give a folder with "
            f"pictures; {NAME} says what they show."
        )
    leading = leads_out(folder, found.pictures, follow_links)
    out = [name for name, leads in zip(found.pictures, leading, strict=True) if leads]
    if out:
        raise CrosshashError(
            f"{folder}: {len(out)} picture(s) are links that lead out of the folder:\n{listed(out)}\n"
            "Set custom.follow_links to true in params.yaml to read what they lead to, or put copies there."
        )
    return found


def recognised(found: Found) -> Layout:
    """Say what a folder seems to be: any text beside a picture, else pictures in several folders alone."""
    if any(_stem(name) in found.texts for name in found.pictures):
        return "texts"
    tops = {_top(name) for name in found.pictures}
    return "classes" if len(tops) > 1 and "" not in tops else "pictures"


def picture_folder_files(found: Found, layout: Layout) -> list[str]:
    """List the files that are read: pictures and, unless these are all, the texts beside them."""
    stems = {_stem(name) for name in found.pictures}
    texts = [] if layout == "pictures" else [found.texts[stem] for stem in sorted(found.texts.keys() & stems)]
    return [*found.pictures, *texts]


def read_picture_folder(folder: Path, found: Found, layout: Layout) -> RawItems:
    """Make an item of every picture; pictures are not opened.

    texts: each line of the .txt of the same name is a caption. classes: the label is the first folder, and
    its name the caption where there is no .txt. pictures: neither captions nor labels.

    Raises:
        CrosshashError: a text is not UTF-8; `classes`: a picture lies in no folder, or folders are splits.
    """
    if layout == "classes":
        _check_classes(folder, found)
    items = []
    named = 0
    for name in found.pictures:
        captions = _captions(folder, name, found) if layout != "pictures" else ()
        label = as_seen(_top(name)) if layout == "classes" else ""
        if label and not captions:
            named += 1
            captions = (label.replace("_", " "),)
        items.append(RawItem(composed(name), captions, (label,) if label else ()))
    return RawItems(
        tuple(items),
        tuple(sorted({label for item in items for label in item.labels})),
        tuple(folder / name for name in found.pictures),
        warnings=tuple(_told(found, layout, named)),
    )


def captions_in(path: Path) -> tuple[str, ...]:
    """Give the captions of a .txt, a line each; empty and repeated ones do not count.

    Raises:
        CrosshashError: it is not UTF-8.
    """
    return tuple(dict.fromkeys(filter(None, text_lines(path))))


def _files(folder: Path, found: Found) -> Iterator[str]:
    """Yield the names of files. Folders that are links are not entered: DVC does not look behind them."""
    for place, folders, files in os.walk(folder, onerror=_raise):
        below = PurePosixPath(os.path.relpath(place, folder))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found.unentered += [
            str(below / name) for name in folders if os.path.islink(os.path.join(place, name))
        ]
        yield from (str(below / name) for name in files if not name.startswith("."))


def _raise(error: OSError) -> None:
    raise CrosshashError(f"{error.filename}: cannot be read ({error.strerror}).") from None


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _top(name: str) -> str:
    """Give the first folder of a name; an empty text where there is none."""
    return name.partition("/")[0] if "/" in name else ""


def _captions(folder: Path, name: str, found: Found) -> tuple[str, ...]:
    stem = _stem(name)
    return captions_in(folder / found.texts[stem]) if stem in found.texts else ()


def _check_classes(folder: Path, found: Found) -> None:
    """Refuse folders that are no classes."""
    loose = [name for name in found.pictures if not _top(name)]
    if loose:
        raise CrosshashError(
            f"{folder}: {len(loose)} picture(s) lie in no folder, which would be their class:\n"
            f"{listed(loose)}\nPut them into folders, or choose another custom.layout in params.yaml."
        )
    tops = {_top(name) for name in found.pictures}
    if {top.lower() for top in tops} <= SPLITS:
        raise CrosshashError(
            f"{folder}: its folders, {', '.join(sorted(tops))}, are parts of a split, the classes lie within "
            "them. Give one of them as custom.path, or put each class into one folder and fix the split by "
            "split.file."
        )


def _told(found: Found, layout: Layout, named: int) -> Iterator[str]:
    """Say what was made of the folder, and what was left out."""
    if named:
        yield f"{named} pictures have no text beside them: the name of their folder is their caption"
    alone = sorted(found.texts.keys() - {_stem(name) for name in found.pictures})
    if alone and layout != "pictures":
        yield f"{len(alone)} .txt files have no picture of their name, the first {found.texts[alone[0]]}"
    if found.others:
        endings = ", ".join(f"{ending} ({count})" for ending, count in sorted(found.others.items()))
        yield f"files that are not read, by ending: {endings}"
    if found.unentered:
        yield (
            f"{len(found.unentered)} folders are links and not entered, the first {found.unentered[0]}: "
            "what changes in there would go unnoticed"
        )
