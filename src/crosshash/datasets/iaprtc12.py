"""`iaprtc12`: 20,000 travel photos with descriptions, labelled by the concepts of their segmented regions.

The publisher numbers the concepts in wlist.txt, a file of the label archive. No public source restates that
list, so it is read and not written out here; classes are the concepts that label a photo, by number
(docs/datasets/iaprtc12.md).
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Unpack
from xml.sax.saxutils import unescape

from crosshash.acquire.publisher import Source, Transfer, Wanted, find_wanted, obtain, published_folder
from crosshash.errors import CrosshashError, listed
from crosshash.formats.text_lines import text_lines
from crosshash.pairs.source import RawFile, RawItem, RawItems, SplitSizes
from crosshash.workers.progress import tracked

SIZES = SplitSizes(query=2000, train=10000)
SOURCES = (
    Source(
        "iaprtc12.tgz",
        origin="https://www.imageclef.org/photodata, 1.8 GB, free of charge",
        url="http://www-i6.informatik.rwth-aachen.de/imageclef/resources/iaprtc12.tgz",
    ),
    Source(
        "saiaprtc12ok.zip",
        origin="saiaprtc12ok.part1.rar to part3.rar of https://www.imageclef.org/SIAPRdata: unpack them, and "
        "give the folder that holds `benchmark`, or pack saiaprtc12ok/benchmark anew as a .zip",
    ),
)
BENCHMARK = ("saiaprtc12ok/benchmark/", "benchmark/", "")
PHOTOS = Wanted(("iaprtc12/images/", "images/"), "iaprtc12.tgz")
ANNOTATIONS = Wanted(
    ("iaprtc12/annotations_complete_eng/", "annotations_complete_eng/"),
    "iaprtc12.tgz",
)
LABELS = Wanted((*(f"{place}saiapr_tc-12/" for place in BENCHMARK), "labels.txt"), "saiaprtc12ok.zip")
NAMES = Wanted(tuple(f"{place}wlist.txt" for place in BENCHMARK), "saiaprtc12ok.zip")
WANTED = (PHOTOS, ANNOTATIONS, LABELS, NAMES)

FIELD = re.compile(r"<(TITLE|DESCRIPTION|NOTES)>(.*?)</\1>", re.DOTALL)
PUBLISHED_CLASSES = 255
FIELDS = {"description": ("DESCRIPTION",), "all": ("TITLE", "DESCRIPTION", "NOTES")}


def folder(raw: Path, local: str | None, text: str) -> Path:
    """Give the folder that holds photos, annotations, labels and the names of the concepts."""
    return published_folder(raw, "iaprtc12", local, WANTED)


def fetch(raw: Path, text: str, **transfer: Unpack[Transfer]) -> list[RawFile]:
    """Bring both archives there, and list what was in them."""
    return obtain(raw, "iaprtc12", SOURCES, WANTED, **transfer)


def read(raw: Path, local: str | None, text: str) -> RawItems:
    """Read an item for every photo with a label, by number; `text`: a key of FIELDS.

    Raises:
        CrosshashError: an annotation is cut, a line of labels does not fit, a photo's number stands twice,
            links go round in circles, or nothing has photo, text and label.
    """
    place = folder(raw, local, text)
    photo_folder, annotation_folder = find_wanted(place, PHOTOS), find_wanted(place, ANNOTATIONS)
    photos, annotations = _by_number(photo_folder, ".jpg"), _by_number(annotation_folder, ".eng")
    names = _concepts(find_wanted(place, NAMES))
    labels = _labels(_label_files(find_wanted(place, LABELS)), names, {*photos, *annotations})
    described = {
        number: annotation_folder / f"{annotations[number]}.eng" for number in annotations if number in labels
    }
    captions = _captions(described, FIELDS[text])
    if not any(number in photos for number, caption in captions.items() if caption):
        raise CrosshashError(
            f"{place}: no photo has both a text and a label. The numbers in images, annotations_complete_eng "
            "and labels.txt must be those of the same collection; unpack both archives again."
        )
    stems = {number: photos.get(number) or annotations[number] for number in sorted(labels)}
    used = set().union(*labels.values())
    items = (
        RawItem(
            f"images/{stem}.jpg",
            tuple(filter(None, [captions.get(number)])),
            tuple(names[concept] for concept in sorted(labels[number])),
        )
        for number, stem in stems.items()
    )
    return RawItems(
        items=tuple(items),
        classes=tuple(name for concept, name in sorted(names.items()) if concept in used),
        images=tuple(photo_folder / f"{stem}.jpg" for stem in stems.values()),
        warnings=(*_warnings({*photos}, {*annotations}, {*labels}), *_other_count(len(used))),
    )


def _by_number(place: Path, suffix: str) -> dict[int, str]:
    """Find `<folder>/<number><suffix>`: the number, and `<folder>/<number>`.

    Raises:
        CrosshashError: a folder cannot be read or leads back to itself, or a number stands in two folders.
    """
    found: dict[int, list[str]] = {}
    try:
        for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
            if not entry.is_dir():
                continue
            if entry.is_symlink() and Path(os.path.realpath(place)).is_relative_to(os.path.realpath(entry)):
                raise CrosshashError(f"{entry.path}: is a link that leads back to {place}. Remove it.")
            for name in sorted(os.listdir(entry)):
                stem, ending = os.path.splitext(name)
                if ending == suffix and stem.isdecimal():
                    found.setdefault(int(stem), []).append(f"{entry.name}/{stem}")
    except OSError as error:
        raise CrosshashError(
            f"{error.filename}: cannot be read ({error.strerror}). Unpack iaprtc12.tgz again."
        ) from None
    twice = [", ".join(f"{stem}{suffix}" for stem in stems) for stems in found.values() if len(stems) > 1]
    if twice:
        raise CrosshashError(
            f"{place}: {len(twice)} number(s) stand twice:\n{listed(twice)}\n"
            "Labels name a photo by its number alone: remove the files that do not belong there."
        )
    return {number: stems[0] for number, stems in found.items()}


def _concepts(path: Path) -> dict[int, str]:
    """Read wlist.txt: a number and a name per line; a concept without a name is called by its number."""
    names: dict[int, str] = {}
    problems = []
    for row, line in _lines(path):
        number, name = (*line.split(maxsplit=1), "")[:2]
        name = name.strip() or f"concept {number}"
        if not number.isdecimal():
            problems.append(f"line {row}: '{line}' begins with no number")
        elif int(number) in names:
            problems.append(f"line {row}: number {number} stands twice")
        elif name in names.values():
            problems.append(f"line {row}: name '{name}' stands twice")
        else:
            names[int(number)] = name
    if problems:
        raise CrosshashError(
            f"{path}: {len(problems)} line(s) do not fit:\n{listed(problems)}\n"
            "Each line is a concept's number and name. Unpack the label archive again."
        )
    return names


def _label_files(place: Path) -> list[Path]:
    """List labels.txt of every folder of the benchmark, or the one file that holds all lines."""
    files = sorted(place.glob("*/labels.txt")) if place.is_dir() else [place]
    if not files:
        raise CrosshashError(
            f"{place}: no folder in it has a labels.txt. Unpack the label archive again: each of its "
            "folders 00 to 40 holds one."
        )
    return files


def _labels(files: Iterable[Path], names: Mapping[int, str], known: Container[int]) -> dict[int, set[int]]:
    """Read lines of photo, region and concept, all numbers: which concepts each photo shows."""
    labels: dict[int, set[int]] = {}
    problems = []
    for path in files:
        for row, line in _lines(path):
            cells = line.split()
            if len(cells) != 3 or not all(cell.isdecimal() for cell in cells):
                problems.append(f"{path}: line {row}: '{line}' is not three numbers: photo, region, concept")
                continue
            photo, _, concept = map(int, cells)
            if photo not in known:
                problems.append(f"{path}: line {row}: photo {photo} is unknown, it has neither .jpg nor .eng")
            elif concept not in names:
                problems.append(f"{path}: line {row}: concept {concept} is not in wlist.txt")
            else:
                labels.setdefault(photo, set()).add(concept)
    if problems:
        raise CrosshashError(
            f"{len(problems)} label(s) do not fit:\n{listed(problems)}\n"
            "Unpack the archives again, or take these lines out."
        )
    return labels


def _lines(path: Path) -> list[tuple[int, str]]:
    """Read the lines that are not blank, with their numbers."""
    return [(row, line) for row, line in enumerate(text_lines(path), start=1) if line]


def _captions(annotations: Mapping[int, Path], tags: Sequence[str]) -> dict[int, str]:
    """Read the text of each annotation, empty where it has none.

    Raises:
        CrosshashError: files are cut or cannot be read; all are listed.
    """
    captions: dict[int, str] = {}
    problems = []
    for number, path in tracked(sorted(annotations.items()), len(annotations), "annotations", "files"):
        try:
            fields = _fields(path.read_bytes())
        except OSError as error:
            problems.append(f"{path}: cannot be read ({error.strerror})")
            continue
        if fields is None:
            problems.append(f"{path}: is cut, an end tag is missing")
            continue
        parts = [fields[tag] for tag in tags if fields.get(tag)]
        captions[number] = parts[0] if len(parts) == 1 else "; ".join(part.rstrip("; ") for part in parts)
    if problems:
        raise CrosshashError(
            f"{len(problems)} annotation(s) cannot be used:\n{listed(problems)}\nUnpack iaprtc12.tgz again."
        )
    return captions


def _fields(data: bytes) -> dict[str, str] | None:
    """Read the fields of an .eng file, runs of blanks as one; None if an end tag is missing.

    No XML declaration names the encoding, so that XML readers take the text for UTF-8 and stop at the first
    accent. It is Latin-1, read as its superset Windows-1252.
    """
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    opened, closed = (re.findall(rf"<{slash}(DOC|TITLE|DESCRIPTION|NOTES)>", text) for slash in ("", "/"))
    if "DOC" not in opened or sorted(opened) != sorted(closed):
        return None
    return {tag: " ".join(unescape(value).split()) for tag, value in FIELD.findall(text)}


def _warnings(photos: set[int], annotations: set[int], labels: set[int]) -> tuple[str, ...]:
    """Say which parts of the collection have no counterpart."""
    findings = {
        "photo(s) without a label, left out": photos - labels,
        "annotation(s) without photo and label, left out": annotations - photos - labels,
        "labelled photo(s) without an .eng file, only searched": labels - annotations,
    }
    return tuple(f"{len(numbers)} {finding}" for finding, numbers in findings.items() if numbers)


def _other_count(used: int) -> tuple[str, ...]:
    """Say that figures cannot be compared with those of papers, where another number of classes is used."""
    if used == PUBLISHED_CLASSES:
        return ()
    return (f"{used} concepts label a photo; published work has {PUBLISHED_CLASSES} classes",)
