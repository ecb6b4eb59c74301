"""`embeddings`: vectors of images and texts in parts, as clip-retrieval writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from crosshash.datasets.containers.parquet_items import ParquetItems
from crosshash.datasets.readers.given_folder import given_folder
from crosshash.datasets.readers.unread import unread_files
from crosshash.errors import CrosshashError, listed
from crosshash.formats.vector_rows import VectorRows
from crosshash.pairs.raw_record import describe_files
from crosshash.pairs.source import RawFile, RawItem, RawItems, SplitSizes
from crosshash.workers.progress import tracked

SIZES = SplitSizes(query=0.125, train=0.875)
IMAGES, TEXTS, METADATA = "img_emb", "text_emb", "metadata"
ENDINGS = {IMAGES: ".npy", TEXTS: ".npy", METADATA: ".parquet"}
"""Folders, each with a file per part, `img_emb/img_emb_0.npy` (clip-retrieval 2.45, its NumpyWriter)."""

LAST_NUMBER = re.compile(r"(\d+)(?=\D*$)")

Parts = dict[int, Path]


def folder(raw: Path, path: str, **_columns: str | None) -> Path:
    """Give the user's folder; nothing of it is copied to `raw`.

    Raises:
        CrosshashError: it is not there, or no folder.
    """
    holding = f"{IMAGES}/*.npy, {TEXTS}/*.npy and {METADATA}/*.parquet"
    return given_folder("embeddings.path", path, holding)


def fetch(raw: Path, path: str, **_columns: str | None) -> list[RawFile]:
    """List the files of all parts."""
    place = folder(raw, path)
    files = [file for parts in _parts(place).values() for file in parts.values()]
    return describe_files(place, [file.relative_to(place).as_posix() for file in files])


def read(raw: Path, path: str, caption: str | None, labels: str | None, id: str | None) -> RawItems:  # noqa: A002
    """Read captions, labels and ids of the metadata, and map the vectors into memory.

    caption, labels, id: names of columns. Without ids of its own an item is the number of its part and its
    row there. Without vectors of texts the captions are the text.

    Raises:
        CrosshashError: parts are missing, files of one part differ in their rows, vectors are no finite
            numbers, a column is not there.
    """
    place = folder(raw, path)
    parts = _parts(place)
    images = VectorRows(list(parts[IMAGES].values()))
    texts = VectorRows(list(parts[TEXTS].values())) if TEXTS in parts else None
    found = ParquetItems("embeddings", {"caption": caption, "labels": labels, "id": id})
    rows = {IMAGES: list(map(len, images.parts))}
    if texts is not None:
        rows[TEXTS] = list(map(len, texts.parts))
    if METADATA in parts:
        files = tracked(parts[METADATA].items(), len(parts[METADATA]), "metadata", "files")
        rows[METADATA] = [found.add(file, str(number)) for number, file in files]
    else:
        _refuse_columns(place, {"labels": labels, "id": id})
        found.items = _numbered(parts[IMAGES], images)
    _compare_rows(place, parts, rows)
    for vectors in (images, texts):
        if vectors is not None:
            vectors.check_finite()
    used = [file for some in parts.values() for file in some.values()]
    return RawItems(tuple(found.items), found.classes(), images, texts, unread_files(place, used))


def _parts(place: Path) -> dict[str, Parts]:
    """Find the files of all parts, by folder and number, in the order of the numbers.

    Raises:
        CrosshashError: there are no image vectors, two files of one number, or a folder lacks a part.
    """
    found: dict[str, Parts] = {}
    for name, ending in ENDINGS.items():
        files = sorted((place / name).glob(f"*{ending}"))
        numbered = {int(match[1]): file for file in files if (match := LAST_NUMBER.search(file.stem))}
        if len(numbered) < len(files):
            raise CrosshashError(
                f"{place / name}: {len(files)} files, but {len(numbered)} different numbers in their names. "
                f"Name them by part: {name}_0{ending}, {name}_1{ending} ..."
            )
        if files:
            found[name] = dict(sorted(numbered.items()))
    if IMAGES not in found:
        raise CrosshashError(
            f"{place / IMAGES}: no .npy file is there. Give the folder in which clip-retrieval has written "
            f"{IMAGES}, and {TEXTS} or {METADATA} beside it."
        )
    problems = [
        f"{name}: part {number} is not there"
        for name, parts in found.items()
        for number in sorted({*(one for some in found.values() for one in some)} - parts.keys())
    ]
    if problems:
        raise CrosshashError(
            f"{place}: {len(problems)} part(s) are missing:\n{listed(problems)}\nFetch them, or take "
            "the files of these parts out of the other folders."
        )
    return found


def _refuse_columns(place: Path, columns: Mapping[str, str | None]) -> None:
    wanted = [f"embeddings.{key}: {name}" for key, name in columns.items() if name is not None]
    if wanted:
        raise CrosshashError(
            f"params.yaml: {', '.join(wanted)}: there is no {place / METADATA} with such a column. "
            "Put it there, or set null."
        )


def _numbered(parts: Parts, images: VectorRows) -> list[RawItem]:
    """Make items of what has a vector and nothing else."""
    counts = zip(parts, map(len, images.parts), strict=True)
    return [RawItem(f"{number}/{row}") for number, count in counts for row in range(count)]


def _compare_rows(place: Path, parts: Mapping[str, Parts], rows: Mapping[str, Sequence[int]]) -> None:
    """Refuse parts whose files differ in their rows.

    Raises:
        CrosshashError: some do; all are listed.
    """
    problems = []
    for part, number in enumerate(parts[IMAGES]):
        if len({counts[part] for counts in rows.values()}) > 1:
            found = (f"{parts[name][number].name} {counts[part]}" for name, counts in rows.items())
            problems.append(", ".join(found))
    if problems:
        raise CrosshashError(
            f"{place}: {len(problems)} part(s) whose files differ in their rows:\n"
            f"{listed(problems)}\nTake the files of one run of clip-retrieval."
        )
